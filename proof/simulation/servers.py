"""Servers of a story: each with a clock, a lease, and the real functions of the product."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

from proof.simulation import leases
from proof.simulation.leases import Lease
from proof.simulation.races import as_it_was
from proof.simulation.removal import take_up
from proof.simulation.world import Crash, World

from headrace.control.transactions.schedules import SCHEDULES_AT_ONCE, SUPERSEDED, Fired, fire_due
from headrace.control.transactions.workers import ABANDONED
from headrace.core.errors import Unavailable
from headrace.core.names import new_id
from headrace.core.outcomes import CANCELLED, Failure
from headrace.running.tasks import STOPPED
from headrace.store import schedules, workers

R = TypeVar("R")

SECOND = timedelta(seconds=1)


class Slots(Protocol):
    """Where a server runs executions; :mod:`simulation.slots` has them."""

    @property
    def taken(self) -> int:
        """How many executions run, or have an end that is not recorded yet."""
        ...

    def take(self) -> None:
        """Take work, if there is room."""
        ...

    def claim(self) -> None:
        """Take work now and from now on."""
        ...

    def stop(self, execution_id: str, failure: Failure) -> bool:
        """Stop an execution that runs here; False if it does not."""
        ...

    def stop_all(self, failure: Failure) -> None:
        """Stop all that run here."""
        ...


@dataclass(frozen=True)
class Habits:
    """How the servers of a story behave.

    Attributes:
        lease: Their leases; None if there is one server, on a data directory of its own.
        slots: How many executions each runs at once.
        glance: After how long each looks again without having been told.
        shortest: The shortest time that user code takes.
        longest: The longest.
        fails: Probability that user code fails.
        stale: Probability that a server acts on schedules as they were a moment ago.
    """

    lease: Lease | None
    slots: int
    glance: timedelta
    shortest: timedelta
    longest: timedelta
    fails: float
    stale: float


class Server:
    """One server. What it keeps in memory is lost when it dies.

    Attributes:
        name: For messages.
        skew: How far its clock is ahead of the true time.
        is_up: Whether its process lives.
        is_closing: Whether it was asked to stop.
        worker_id: Under which it runs executions.
        fires_no_more: Whether it leaves schedules alone from now on.
        on_death: Called when it has died.
    """

    def __init__(
        self, name: str, world: World, habits: Habits, make_slots: Callable[[Server], Slots]
    ) -> None:
        self.name = name
        self.world = world
        self.habits = habits
        self.skew = timedelta()
        self.is_up = False
        self.is_closing = False
        self.worker_id = ""
        self.fires_no_more = False
        self.on_death: Callable[[Server], None] = lambda _: None
        self._life = 0
        self._looks = 0
        self._asleep_until = world.now
        self._make_slots = make_slots
        self.slots = make_slots(self)

    @property
    def now(self) -> datetime:
        """What its clock shows."""
        return self.world.now + self.skew

    @property
    def is_awake(self) -> bool:
        """Whether it does anything now."""
        return self.is_up and self.world.now >= self._asleep_until

    def start(self) -> None:
        """Begin a new life."""
        self._life += 1
        self.is_up, self.is_closing = True, False
        self._asleep_until = self.world.now
        self.worker_id = ""
        self.slots = self._make_slots(self)
        self.later(self.soon(), self._begin)

    def die(self) -> None:
        """Be killed: nothing of what it knew is left."""
        self.is_up = False
        self._life += 1
        self.on_death(self)

    def sleep(self, length: timedelta) -> None:
        """Stand still as a stopped process does; what was to happen happens after it."""
        self._asleep_until = self.world.now + length

    def close(self) -> None:
        """Stop as SIGTERM asks: take nothing more, end or hand back what runs, then go."""
        self.is_closing = True
        self.slots.stop_all(STOPPED)
        self._leave()

    def write(self, work: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        """Return what a function of a connection writes; see :meth:`World.write`."""
        self.world.clock = lambda: self.now
        return self.world.write(self.die, work, *args, **kwargs)

    def later(self, delay: timedelta, action: Callable[[], None]) -> None:
        """Do something later, unless it dies before; again if the database does not take it."""
        life = self._life

        def act() -> None:
            if self._life != life or not self.is_up:
                return
            if not self.is_awake:
                self.world.after(self._asleep_until - self.world.now, act)
                return
            try:
                action()
            except Crash:
                return
            except Unavailable:
                self.later(self.world.chance.uniform(0.1, 5) * SECOND, action)

        self.world.after(delay, act)

    def soon(self) -> timedelta:
        """Return the time that a signal takes."""
        return self.world.chance.uniform(0, 0.2) * SECOND

    def wake(self) -> None:
        """Have it look at the schedules now, because one is new or has changed."""
        self._looks += 1
        self.later(self.soon(), partial(self._look, self._looks))

    def _look(self, number: int) -> None:
        """Have what is due recorded, then sleep until more is, but not for long."""
        is_idle = self.is_closing or self.fires_no_more or not self.worker_id
        if is_idle or number != self._looks:
            return
        next_due_at = self.world.read(schedules.next_due_at)
        while next_due_at is not None and next_due_at <= self.now:
            if self.world.chance.random() < self.habits.stale:
                due = self.world.read(schedules.due_schedules, self.now, limit=SCHEDULES_AT_ONCE)
                self.later(self.soon(), partial(self._fire_stale, due))
                next_due_at = None
            else:
                fired = self.write(fire_due, self.now, self.worker_id)
                self.follow_up(fired)
                next_due_at = fired.next_due_at
        wait = self.habits.glance
        if next_due_at is not None:
            wait = min(next_due_at - self.now, wait)
        self.later(wait + self.soon(), partial(self._look, number))

    def follow_up(self, fired: Fired) -> None:
        """Do what is to be done about what was recorded."""
        for execution_id in sorted(fired.to_stop):
            self.slots.stop(execution_id, SUPERSEDED)
        if fired.executions:
            self.later(self.soon(), self.slots.take)

    def _fire_stale(self, due: list[schedules.ScheduleRow]) -> None:
        """Act on what was read before others wrote."""
        with as_it_was(due):
            fired = self.write(fire_due, self.now, self.worker_id)
        self.follow_up(fired)
        self.wake()

    def _begin(self) -> None:
        self._enter()
        take_up(self)
        self.wake()
        self.later(self.soon(), self.slots.claim)
        if self.habits.lease is not None:
            self.later(self.habits.lease.renewed_every_s * SECOND, self._beat)

    def _enter(self) -> None:
        worker_id = new_id()
        self.write(leases.enter, worker_id, self.habits.lease, self.now)
        self.worker_id = worker_id

    def _beat(self) -> None:
        lease = self.habits.lease
        if lease is None:
            return
        to_cancel = self.write(leases.renew, self.worker_id, lease, self.now)
        if to_cancel is None:
            self.slots.stop_all(ABANDONED)
            self.later(SECOND, self._begin_anew)
            return
        for execution_id in to_cancel:
            self.slots.stop(execution_id, CANCELLED)
        self.later(lease.renewed_every_s * SECOND, self._beat)

    def _begin_anew(self) -> None:
        """Others took it for dead: take another place once nothing runs any more."""
        if self.slots.taken:
            self.later(SECOND, self._begin_anew)
            return
        self._enter()
        self.later(SECOND, self._beat)

    def _leave(self) -> None:
        if self.slots.taken:
            self.later(SECOND, self._leave)
        else:
            self.later(self.world.chance.uniform(0, 10) * SECOND, self._go)

    def _go(self) -> None:
        self.write(workers.remove_worker, self.worker_id)
        self.die()
