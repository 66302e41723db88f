"""Schedules: when a periodic deployment fires, and what becomes of each fire time.

:func:`plan` is the whole rule: a function of the schedule, its state and the clock.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from headrace.core.cron import Cron

ON_TIME = timedelta(seconds=60)
"""A fire time that is noticed no later than this is on time, whatever the policy for missed ones:
a restart of the server is no reason to skip."""

DEFAULT_MISSED_WINDOW_S = 86400.0

MAX_FIRES = 500
"""Fire times of one plan, so that a transaction stays short after a long absence."""


class Missed(StrEnum):
    """What becomes of fire times that nobody noticed in time."""

    SKIP = "skip"
    LATEST = "latest"
    ALL = "all"


class Overlap(StrEnum):
    """What a fire time does when an execution of its deployment has not ended."""

    PARALLEL = "parallel"
    SKIP = "skip"
    QUEUE_ONE = "queue_one"
    CANCEL_RUNNING = "cancel_running"


class Fate(StrEnum):
    """What became of a fire time, as the ledger says it."""

    RAN = "ran"
    CAUGHT_UP = "caught_up"
    OVERLAPPED = "overlapped"
    PAUSED = "paused"
    MISSED = "missed"
    FAILED = "failed"

    @property
    def has_execution(self) -> bool:
        """Whether an execution was recorded for it."""
        return self in {Fate.RAN, Fate.CAUGHT_UP}


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a deployment fires, and by which policies.

    Attributes:
        cron: Expression and time zone.
        missed: What becomes of fire times that were not noticed within :data:`ON_TIME`.
        missed_window_s: How old one may be to be caught up, in seconds.
        overlap: What happens while an execution of the deployment has not ended.
        jitter_s: Each fire time is acted on later by a fixed part of this, in seconds.
    """

    cron: Cron
    missed: Missed = Missed.SKIP
    missed_window_s: float = DEFAULT_MISSED_WINDOW_S
    overlap: Overlap = Overlap.PARALLEL
    jitter_s: float = 0.0

    def offset_for(self, deployment_id: str) -> timedelta:
        """Return how much later than its fire times a deployment is acted on; always the same."""
        if not self.jitter_s:
            return timedelta()
        digest = hashlib.sha256(deployment_id.encode()).digest()
        part = int.from_bytes(digest[:8], "big") / 2**64
        return timedelta(seconds=part * self.jitter_s)


@dataclass(frozen=True, slots=True)
class ScheduleState:
    """What a plan depends on beside the schedule and the clock.

    Attributes:
        next_fire_at: The first fire time that the ledger does not have, UTC.
        offset: The deployment's own part of the jitter.
        is_enabled: Whether the deployment takes executions.
        paused_since: When the server was paused, UTC; None if it takes work.
        running: How many of its executions run.
        pending: How many of its executions wait to run.
    """

    next_fire_at: datetime
    offset: timedelta = timedelta()
    is_enabled: bool = True
    paused_since: datetime | None = None
    running: int = 0
    pending: int = 0


@dataclass(frozen=True, slots=True)
class Fire:
    """What is to become of one fire time.

    Attributes:
        fire_at: The instant, UTC.
        fate: What becomes of it.
        detail: Why, for a person; empty when it simply ran.
        waits: Whether its execution starts only after those before it have ended.
        cancels: Whether those before it are cancelled.
    """

    fire_at: datetime
    fate: Fate
    detail: str = ""
    waits: bool = False
    cancels: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What is due, in order, and the first fire time after it."""

    fires: tuple[Fire, ...]
    next_fire_at: datetime


def plan(
    schedule: Schedule,
    state: ScheduleState,
    now: datetime,
    *,
    limit: int = MAX_FIRES,
    settles: bool = False,
) -> Plan:
    """Return the plan for the fire times that are due, at most ``limit`` of them.

    A clock that was set back makes nothing due that the ledger has already; one that was set
    forward makes what lies between late, and the policy for missed fire times decides.

    With ``settles``, what jitter has put off is due too: afterwards another schedule holds.
    """
    fires: list[Fire] = []
    occupants = _Occupants(schedule.overlap, state.running, state.pending)
    horizon = now if settles else now - state.offset
    at = state.next_fire_at
    while at <= horizon and len(fires) < limit:
        following = schedule.cron.next_after(at)
        fate, why = _fate(schedule, now - at - state.offset, is_last=following > horizon)
        if not state.is_enabled:
            fate, why = Fate.PAUSED, "The deployment is disabled."
        elif state.paused_since is not None and at + state.offset >= state.paused_since:
            # Somebody wanted it not to run, so it was not missed, and is not caught up.
            fate, why = Fate.PAUSED, "The server is paused."
        fires.append(occupants.admit(at, fate, why) if fate.has_execution else Fire(at, fate, why))
        at = following
    return Plan(tuple(fires), at)


def _fate(schedule: Schedule, late: timedelta, *, is_last: bool) -> tuple[Fate, str]:
    """Return the fate of a fire time that is so late, and the reason."""
    if late <= ON_TIME:
        return Fate.RAN, ""
    noticed = f"Noticed {_duration(late)} late"
    if schedule.missed is Missed.SKIP:
        return Fate.MISSED, f"{noticed}."
    if late > timedelta(seconds=schedule.missed_window_s):
        window = _duration(timedelta(seconds=schedule.missed_window_s))
        return Fate.MISSED, f"{noticed}; the window is {window}."
    if schedule.missed is Missed.LATEST and not is_last:
        return Fate.MISSED, f"{noticed}; a later one takes its place."
    return Fate.CAUGHT_UP, f"{noticed}."


class _Occupants:
    """The executions that have not ended, as far as one plan goes."""

    def __init__(self, overlap: Overlap, running: int, pending: int) -> None:
        self._overlap = overlap
        self._running = running
        self._pending = pending

    def admit(self, at: datetime, fate: Fate, detail: str) -> Fire:
        is_alone = not self._running and not self._pending
        if self._overlap is Overlap.PARALLEL or is_alone:
            self._pending += 1
            return Fire(at, fate, detail)
        if self._overlap is Overlap.CANCEL_RUNNING:
            self._pending = 1
            return Fire(at, fate, detail, waits=True, cancels=True)
        if self._overlap is Overlap.QUEUE_ONE and not self._pending:
            self._pending += 1
            return Fire(at, fate, detail, waits=True)
        reason = "An earlier execution has not ended."
        if self._overlap is Overlap.QUEUE_ONE:
            reason = "An earlier execution waits already."
        return Fire(at, Fate.OVERLAPPED, f"{detail} {reason}".strip())


def _duration(length: timedelta) -> str:
    seconds = round(length.total_seconds())
    for unit, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit:
            return f"{seconds // unit} {name}"
    return f"{seconds} seconds"
