"""The ledger of fire times: one row for each, and the proof that none is missing or doubled."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from headrace.core.cron import Cron
from headrace.core.schedules import Fate

MAX_SHOWN = 20
"""Fire times of each kind of fault that a verification names; it counts all."""


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """What became of one fire time.

    Attributes:
        deployment_id: Whose fire time it is.
        fire_at: The instant, UTC.
        fate: What became of it.
        execution_id: The execution that was recorded for it, or None.
        detail: Why, for a person.
        recorded_at: When it was recorded, UTC.
        recorded_by: Id of the worker (one start of a server) that recorded it.
    """

    deployment_id: str
    fire_at: datetime
    fate: Fate
    execution_id: str | None
    detail: str
    recorded_at: datetime
    recorded_by: str


@dataclass(frozen=True, slots=True)
class Revision:
    """The times during which a deployment had one cron expression and zone.

    Attributes:
        cron: Expression and zone.
        since: Fire times after this instant count, UTC.
        until: Fire times up to this instant count, UTC; None while it is in force.
    """

    cron: Cron
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Verification:
    """What the ledger of one deployment proves between two instants.

    Attributes:
        since: Fire times after this instant were looked at, UTC.
        until: Fire times up to this instant were looked at, UTC.
        expected: How many fire times there are by the schedule.
        rows: How many rows the ledger has.
        fates: How many rows have each fate.
        missing: Fire times without a row.
        doubled: Fire times with more than one row.
        unexpected: Rows at instants that are no fire times.
        missing_count, doubled_count, unexpected_count: How many there are; of each, only the
            first :data:`MAX_SHOWN` are named.
    """

    since: datetime
    until: datetime
    expected: int = 0
    rows: int = 0
    fates: dict[Fate, int] = field(default_factory=dict)
    missing: tuple[datetime, ...] = ()
    doubled: tuple[datetime, ...] = ()
    unexpected: tuple[datetime, ...] = ()
    missing_count: int = 0
    doubled_count: int = 0
    unexpected_count: int = 0

    @property
    def is_proven(self) -> bool:
        """Whether every fire time has exactly one row, and nothing else has one."""
        return not (self.missing_count or self.doubled_count or self.unexpected_count)


def verify(
    revisions: Iterable[Revision],
    rows: Iterable[tuple[datetime, Fate]],
    since: datetime,
    until: datetime,
) -> Verification:
    """Compare the ledger with the schedule, fire time by fire time.

    Args:
        revisions: The deployment's revisions, oldest first.
        rows: Fire time and fate of each row in ``(since, until]``, oldest first.
        since: Fire times after this instant, UTC.
        until: Fire times up to this instant, UTC; rows of all of them should be there by now.
    """
    expected = _expected(revisions, since, until)
    missing, doubled, unexpected = _Faults(), _Faults(), _Faults()
    fates: dict[Fate, int] = {}
    wanted = next(expected, None)
    last: datetime | None = None
    count = total = 0
    for at, fate in rows:
        total += 1
        fates[fate] = fates.get(fate, 0) + 1
        while wanted is not None and wanted < at:
            missing.add(wanted)
            count += 1
            wanted = next(expected, None)
        if wanted == at:
            count += 1
            wanted = next(expected, None)
        elif at == last:
            doubled.add(at)
        else:
            unexpected.add(at)
        last = at
    while wanted is not None:
        missing.add(wanted)
        count += 1
        wanted = next(expected, None)
    return Verification(
        since=since,
        until=until,
        expected=count,
        rows=total,
        fates=fates,
        missing=tuple(missing.shown),
        doubled=tuple(doubled.shown),
        unexpected=tuple(unexpected.shown),
        missing_count=missing.count,
        doubled_count=doubled.count,
        unexpected_count=unexpected.count,
    )


class _Faults:
    def __init__(self) -> None:
        self.count = 0
        self.shown: list[datetime] = []

    def add(self, at: datetime) -> None:
        self.count += 1
        if len(self.shown) < MAX_SHOWN:
            self.shown.append(at)


def _expected(
    revisions: Iterable[Revision], since: datetime, until: datetime
) -> Iterator[datetime]:
    for revision in revisions:
        start = max(since, revision.since)
        end = until if revision.until is None else min(until, revision.until)
        if start < end:
            yield from revision.cron.fire_times(start, end)
