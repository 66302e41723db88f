"""One story: servers and users for hours, weeks or years, with everything that can go wrong."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from proof.simulation.checking import Told, check
from proof.simulation.database import open_database
from proof.simulation.expressions import Terms, random_terms
from proof.simulation.leases import Lease, claim
from proof.simulation.rules import Violation
from proof.simulation.servers import SECOND, Habits, Server
from proof.simulation.slots import Slots
from proof.simulation.users import Users
from proof.simulation.world import Fault, Faults, World, begin, time_of
from sqlalchemy import Connection

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MOST_SWEPT = 150
"""Transactions of a story that faults are tried at."""

PATIENCE = 400
"""How often the longest time that user code takes may pass until nothing is left to end."""


@dataclass(frozen=True)
class Shape:
    """The scale of a story.

    Attributes:
        length: How long it lasts.
        least: The fewest fire times a day of a schedule.
        most: The most.
        glance: After how long servers look again without having been told.
        longest: The longest time that user code takes.
        away: The longest time that a server is down, and the most that a clock is wrong.
        jitter: The most jitter of a schedule.
    """

    length: timedelta
    least: float
    most: float
    glance: timedelta
    longest: timedelta
    away: timedelta
    jitter: timedelta = HOUR

    def draw(self, chance: random.Random) -> Terms:
        """Return a random schedule."""
        jitter_s = self.jitter.total_seconds()
        return random_terms(chance, least=self.least, most=self.most, jitter_s=jitter_s)


SHORT = Shape(HOUR / 12, 400, 1440, 5 * SECOND, 30 * SECOND, 20 * SECOND, 20 * SECOND)
SHAPES = (
    Shape(HOUR, 400, 1440, 5 * SECOND, HOUR / 6, HOUR / 12, 60 * SECOND),
    Shape(3 * HOUR, 24, 1440, 5 * SECOND, HOUR / 4, HOUR),
    Shape(30 * DAY, 1 / 2, 40, HOUR / 4, 8 * HOUR, 8 * DAY),
    Shape(900 * DAY, 1 / 500, 2, 12 * HOUR, 3 * DAY, 40 * DAY),
)


def tell(
    seed: int,
    *,
    shape: Shape | None = None,
    events: int = 60,
    faults: Faults | None = None,
    spoil: Callable[[Connection], None] | None = None,
) -> Told:
    """Tell the story of a seed to its end, and check what it left.

    Args:
        seed: What all chance comes from.
        shape: Its scale; None for chance.
        events: How many things users do, and as many go wrong.
        faults: What goes wrong with transactions; None for chance.
        spoil: What is done to the tables before they are checked, to see that it is noticed.

    Raises:
        Violation: With what was wrong, and the seed.
    """
    chance = random.Random(f"story {seed}")
    story = _Story(chance, shape or chance.choice(SHAPES), events, faults)
    try:
        with time_of(story.world), _listening():
            story.live()
            until = story.recover()
        if spoil is not None:
            begin(story.world.connection)
            spoil(story.world.connection)
            story.world.connection.exec_driver_sql("COMMIT")
        told = check(story.world.connection, until)
    except Violation as found:
        raise Violation(f"story {seed}: {found}") from found
    except Exception as error:
        raise Violation(f"story {seed}: the product raised {error!r:.500}") from error
    else:
        return told
    finally:
        story.world.connection.close()


def tell_short(seed: int, faults: Faults | None = None) -> Told:
    """Tell a story of a few minutes, as :func:`tell` does."""
    return tell(seed, shape=SHORT, events=6, faults=faults)


def sweep(seed: int) -> Told:
    """Tell a short story once for each of its transactions and each fault of a transaction.

    Raises:
        Violation: As :func:`tell` does, with the fault.
    """
    total = plain = tell_short(seed, Faults())
    for number in range(1, min(plain.transactions, MOST_SWEPT) + 1):
        for kind in Fault:
            try:
                total += tell_short(seed, Faults(at=number, kind=kind))
            except Violation as found:
                raise Violation(f"{kind.value}, at transaction {number}: {found}") from None
    return total


class _Story:
    def __init__(
        self, chance: random.Random, shape: Shape, events: int, faults: Faults | None
    ) -> None:
        start = datetime(2025, 1, 1, tzinfo=UTC) + chance.uniform(0, 900) * DAY
        self.world = World(chance, start, open_database())
        # A server that took work without knowing would have to look for it; SQLite tells.
        self.world.always_heard = frozenset({claim})
        self._shape = shape
        self._events = events
        self._faults = faults or chance.choice([Faults(), Faults(0.01, 0.01), Faults(0.05, 0.05)])
        habits = _habits(chance, shape)
        count = 1 if habits.lease is None else chance.randint(2, 3)
        self._servers = [
            Server(f"server {number}", self.world, habits, Slots) for number in range(count)
        ]
        self._habits = habits
        self._users = Users(self.world, self._servers, shape.draw)

    def live(self) -> None:
        """Have everything happen."""
        world, chance = self.world, self.world.chance
        world.faults = self._faults
        for server in self._servers:
            server.on_death = self._revive
            if len(self._servers) > 1 and chance.random() < 0.5:
                server.skew = chance.choice([1, -1]) * _length(chance, self._shape.away)
            server.start()
        for _ in range(chance.randint(1, 4)):
            world.after(chance.uniform(1, 60) * SECOND, self._users.deploy)
        for _ in range(self._events):
            world.after(chance.random() * self._shape.length, self._users.do_something)
            world.after(chance.random() * self._shape.length, self._harm())
        world.run_until(world.now + self._shape.length)

    def recover(self) -> datetime:
        """End all harm, wait until all is quiet; return until when all must be recorded."""
        world = self.world
        world.faults = Faults()
        world.stalled_until = world.now
        for server in self._servers:
            server.skew = timedelta()
            server.sleep(timedelta())
            if not server.is_up:
                server.start()
        lease = timedelta(seconds=self._habits.lease.lasts_s if self._habits.lease else 0)
        world.run_until(world.now + 3 * self._habits.glance + lease + self._shape.jitter)
        until = world.now - self._habits.glance - 10 * SECOND
        for server in self._servers:
            server.fires_no_more = True
        for _ in range(PATIENCE):
            if not self._unfinished():
                return until
            world.run_until(world.now + self._shape.longest)
        raise Violation(f"left unfinished: {self._unfinished()}")

    def _unfinished(self) -> list[tuple[str, ...]]:
        found = self.world.connection.exec_driver_sql(
            "SELECT id, status FROM executions WHERE status IN ('Pending', 'Running')"
        )
        return [tuple(row) for row in found]

    def _revive(self, server: Server) -> None:
        def start() -> None:
            if not server.is_up:
                server.start()

        self.world.after(_length(self.world.chance, self._shape.away), start)

    def _harm(self) -> Callable[[], None]:
        """Return something that goes wrong."""
        chance, world = self.world.chance, self.world
        server = chance.choice(self._servers)
        length = _length(chance, self._shape.away)

        def stall() -> None:
            world.stalled_until = world.now + min(length, HOUR)

        def kill() -> None:
            if server.is_up:
                server.die()

        def close() -> None:
            if server.is_awake and server.worker_id and not server.is_closing:
                server.later(timedelta(), server.close)

        def set_clock() -> None:
            server.skew = chance.choice([length, -length, timedelta(), timedelta()])
            server.wake()

        def sleep() -> None:
            server.sleep(length)

        return chance.choice([stall, kill, kill, close, set_clock, set_clock, sleep])


def _habits(chance: random.Random, shape: Shape) -> Habits:
    every = chance.choice([1, 5]) * shape.glance.total_seconds()
    lease = Lease(lasts_s=5 * every, renewed_every_s=every)
    is_shared = chance.random() < 0.6
    return Habits(
        lease=lease if is_shared else None,
        slots=chance.choice([1, 2, 8]),
        glance=shape.glance,
        shortest=SECOND,
        longest=shape.longest,
        fails=chance.choice([0.0, 0.2, 0.6]),
        stale=chance.choice([0.0, 0.5]) if is_shared else 0.0,
    )


def _length(chance: random.Random, longest: timedelta) -> timedelta:
    """Return a length from milliseconds on, each order of magnitude as likely as any other."""
    return 0.01 * SECOND * (longest / (0.01 * SECOND)) ** chance.random()


@contextmanager
def _listening() -> Iterator[None]:
    """Let nothing be logged as an error: the product has no reason to in a story."""

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise Violation(f"logged: {record.getMessage()}; {record.exc_info}")

    logger, listener = logging.getLogger("headrace"), Listener(logging.ERROR)
    propagates, logger.propagate = logger.propagate, False
    logger.addHandler(listener)
    try:
        yield
    finally:
        logger.removeHandler(listener)
        logger.propagate = propagates
