"""The world of one story: true time, what is to happen when, the database, and its failures."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any, TypeVar
from unittest.mock import patch

from sqlalchemy import Connection

from headrace.core import clock, names
from headrace.core.errors import HeadraceError, Unavailable

R = TypeVar("R")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Crash(Exception):
    """The server that did this is gone, and whoever waited for it hears nothing."""


class Fault(Enum):
    """What may happen to a transaction."""

    CRASH_BEFORE = "the server dies before the commit"
    CRASH_AFTER = "the server dies after the commit"
    REFUSED = "the commit fails"
    UNHEARD = "the commit succeeds, but is said to have failed"


@dataclass(frozen=True)
class Faults:
    """How often what goes wrong, and the one crash that is wanted at a place of its own.

    Attributes:
        crash: Probability that a server dies at a transaction.
        refused: Probability that a commit fails, or is said to.
        at: Number of the transaction that has a fault in any case.
        kind: That fault.
    """

    crash: float = 0.0
    refused: float = 0.0
    at: int | None = None
    kind: Fault = Fault.CRASH_BEFORE


@dataclass(order=True)
class _Event:
    at: datetime
    order: float
    number: int
    action: Callable[[], None] = field(compare=False)


class World:
    """True time and the database.

    Attributes:
        chance: All chance of the story.
        now: The true time; servers have clocks of their own.
        connection: The database.
        faults: What goes wrong with transactions.
        stalled_until: Until when the database answers nobody.
        transactions: How many were begun.
        clock: What the clock of whoever acts shows.
        always_heard: Functions whose commits are never said to have failed if they have not.
    """

    def __init__(self, chance: random.Random, start: datetime, connection: Connection) -> None:
        self.chance = chance
        self.now = start
        self.connection = connection
        self.faults = Faults()
        self.stalled_until = start
        self.transactions = 0
        self.clock: Callable[[], datetime] = lambda: self.now
        self.always_heard: frozenset[Callable[..., Any]] = frozenset()
        self._events: list[_Event] = []
        self._numbers = 0

    def after(self, delay: timedelta, action: Callable[[], None]) -> None:
        """Have something happen; what happens at the same time comes in random order."""
        self._numbers += 1
        at = self.now + max(delay, timedelta())
        heapq.heappush(self._events, _Event(at, self.chance.random(), self._numbers, action))

    def run_until(self, end: datetime) -> None:
        """Have everything happen that is to happen until then."""
        while self._events and self._events[0].at <= end:
            event = heapq.heappop(self._events)
            self.now = event.at
            event.action()
        self.now = end

    def read(self, work: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        """Return what a function of a connection reads.

        Raises:
            Unavailable: The database is stalled.
        """
        if self.now < self.stalled_until:
            raise Unavailable("The database did not answer.")
        return work(self.connection, *args, **kwargs)

    def write(
        self, die: Callable[[], None], work: Callable[..., R], *args: Any, **kwargs: Any
    ) -> R:
        """Return what a function of a connection writes, once that is committed.

        Args:
            die: Called if the server dies.
            work: The function.
            args: What it takes beside the connection.
            kwargs: As above.

        Raises:
            Unavailable: Nothing was committed, or nobody can say.
            Crash: The server died; it may have been committed or not.
            HeadraceError: What the function raises; nothing was committed.
        """
        if self.now < self.stalled_until:
            raise Unavailable("The database did not answer.")
        self.transactions += 1
        fault = self._fault(is_heard=work in self.always_heard)
        begin(self.connection)
        try:
            result = work(self.connection, *args, **kwargs)
        except HeadraceError:
            self.connection.exec_driver_sql("ROLLBACK")
            raise
        if fault in {Fault.CRASH_BEFORE, Fault.REFUSED}:
            self.connection.exec_driver_sql("ROLLBACK")
        else:
            self.connection.exec_driver_sql("COMMIT")
        if fault in {Fault.REFUSED, Fault.UNHEARD}:
            raise Unavailable("The database could not store the change.")
        if fault is not None:
            die()
            raise Crash
        return result

    def _fault(self, *, is_heard: bool) -> Fault | None:
        faults, fault = self.faults, None
        drawn = self.chance.random()
        if self.transactions == faults.at:
            fault = faults.kind
        elif drawn < faults.crash:
            fault = self.chance.choice([Fault.CRASH_BEFORE, Fault.CRASH_AFTER])
        elif drawn < faults.crash + faults.refused:
            fault = self.chance.choice([Fault.REFUSED, Fault.UNHEARD])
        return Fault.REFUSED if fault is Fault.UNHEARD and is_heard else fault


def begin(connection: Connection) -> None:
    """Begin a transaction, with a number of its own in the journal."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    connection.exec_driver_sql("UPDATE moment SET txn = txn + 1")


@contextmanager
def time_of(world: World) -> Iterator[None]:
    """Have the product see the clock of whoever acts, and make its ids of the story's chance."""

    class Clock:
        @staticmethod
        def time_ns() -> int:
            return (world.clock() - EPOCH) // timedelta(microseconds=1) * 1000

    class Chance:
        @staticmethod
        def urandom(size: int) -> bytes:
            return world.chance.randbytes(size)

    with patch.object(clock, "time", Clock), patch.object(names, "os", Chance):
        yield
