"""Activity: how many calls there were and how long they took, what runs, what failed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from headrace.core.outcomes import FailureKind
from headrace.core.schedules import Fate

STEPS: Mapping[int, int] = {
    60: 3 * 3600,
    600: 27 * 3600,
    3600: 8 * 86_400,
    21_600: 32 * 86_400,
}
"""Seconds for which counts are kept, by the seconds that each of them covers."""

BINS_PER_DECADE = 12
"""A duration read from counts differs from the true one by a tenth at most."""

_SHORTEST_US = 100
_DECADES = 9

BIN_ENDS: tuple[int, ...] = tuple(
    round(_SHORTEST_US * 10 ** (number / BINS_PER_DECADE))
    for number in range(_DECADES * BINS_PER_DECADE + 1)
)
"""The durations that bins end before, in microseconds: from 100 microseconds to 28 hours."""

NEVER_STARTED = -1
"""The bin of executions without a duration."""

IN_A_ROW = 10
"""So many ends are looked at to say how often in a row something failed."""


class CallCount(NamedTuple):
    """How many calls of a period took about as long.

    Attributes:
        begin_s: When the period begins, in seconds since 1970.
        bin: The durations, as a position in :data:`BIN_ENDS`, or :data:`NEVER_STARTED`.
        calls: How many ended.
        failed: How many of these without success, cancelled ones left out.
    """

    begin_s: int
    bin: int
    calls: int
    failed: int


@dataclass(frozen=True, slots=True)
class Period:
    """The calls that were accepted in a period and have ended.

    Attributes:
        begin: When it begins.
        calls: How many they are.
        failed: How many of them did not succeed, cancelled ones left out.
        p50_s: Duration from start to end, in seconds, that half of them kept to; None without.
        p95_s: The same, for 95 of 100.
    """

    begin: datetime
    calls: int = 0
    failed: int = 0
    p50_s: float | None = None
    p95_s: float | None = None


@dataclass(frozen=True, slots=True)
class Load:
    """The executions that have not ended.

    Attributes:
        running: How many executions run.
        pending: How many wait.
        oldest_running: When the oldest one that runs was accepted, or None.
        oldest_pending: When the oldest one that waits was accepted, or None.
    """

    running: int
    pending: int
    oldest_running: datetime | None
    oldest_pending: datetime | None


@dataclass(frozen=True, slots=True)
class Cause:
    """Failures of one deployment or pipeline, for one reason.

    Attributes:
        pipeline_name: The pipeline.
        deployment_name: The deployment, or None for runs.
        kind: The class of reason.
        message: What the newest one said.
        count: How many there were.
        last_id: Id of the newest one.
        last_at: When it ended.
        in_a_row: How many of the latest executions of the deployment, or of the pipeline, failed
            without one that succeeded in between; at most :data:`IN_A_ROW` are looked at.
    """

    pipeline_name: str
    deployment_name: str | None
    kind: FailureKind
    message: str
    count: int
    last_id: str
    last_at: datetime
    in_a_row: int = 1

    @property
    def name(self) -> str:
        """Name of the deployment, or of the pipeline if there is none."""
        return self.deployment_name or self.pipeline_name


class Failures(NamedTuple):
    """Failures since a time, by cause.

    Attributes:
        causes: Each with its failures, the one of the newest failure first.
        is_cut: Whether there were more failures than are looked at.
    """

    causes: tuple[Cause, ...]
    is_cut: bool


class NextFire(NamedTuple):
    """The next fire time of a deployment."""

    deployment_name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Unfired:
    """Fire times of a deployment that made no execution, for one reason.

    Attributes:
        deployment_name: The deployment.
        fate: What became of them.
        count: How many they were.
        last_at: The newest of them.
        detail: What the ledger says of it.
    """

    deployment_name: str
    fate: Fate
    count: int
    last_at: datetime
    detail: str


@dataclass(frozen=True, slots=True)
class Overview:
    """An overview of what goes on and what went wrong since a time."""

    since: datetime
    load: Load
    failures: Failures
    unfired: tuple[Unfired, ...] = ()
    next_fires: tuple[NextFire, ...] = ()


def middle_of(number: int) -> float:
    """Return the duration that stands for those of a bin, in seconds."""
    half = 10 ** (0.5 / BINS_PER_DECADE)
    if number >= len(BIN_ENDS):
        return BIN_ENDS[-1] * half / 1e6
    return BIN_ENDS[number] / half / 1e6


def period_of(begin: datetime, counts: Iterable[CallCount]) -> Period:
    """Return the period that counts make together."""
    found = sorted(counts, key=lambda count: count.bin)
    timed = [count for count in found if count.bin != NEVER_STARTED]
    return Period(
        begin,
        sum(count.calls for count in found),
        sum(count.failed for count in found),
        _kept_to(timed, 0.50),
        _kept_to(timed, 0.95),
    )


def _kept_to(counts: list[CallCount], share: float) -> float | None:
    """Return the duration that a share of calls kept to; ``counts`` ascend."""
    wanted, seen = share * sum(count.calls for count in counts), 0
    for count in counts:
        seen += count.calls
        if seen >= wanted:
            return middle_of(count.bin)
    return None
