"""The meaning of a cron expression: words, next fire times, effects of changes of clocks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

from headrace.core.clock import now
from headrace.core.clock_changes import ClockChange, Effect, clock_changes
from headrace.core.cron import Cron, read_cron
from headrace.core.rehearsal import Rehearsal, rehearse

SHOWN = 10
MOST = 9000
"""Expressions that fire more often in a year, which is each hour, are not rehearsed: that takes
seconds."""

_YEAR = timedelta(days=365)
EFFECTS = {
    Effect.SKIPPED: "skipped",
    Effect.AT_THE_CHANGE: "skipped by the clocks, to fire at the change",
    Effect.ONCE: "shown twice by the clocks, to fire once",
    Effect.TWICE: "shown twice by the clocks, to fire twice",
}


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the clocks, and what becomes of the fire times of that day."""

    change: ClockChange
    effects: Sequence[str]


@dataclass(frozen=True, slots=True)
class FireTimes:
    """The meaning of a cron expression.

    Attributes:
        cron: Expression and zone.
        upcoming: The next fire times: in UTC, and as clocks of the zone show them.
        changes: The changes of the clocks within a year.
        year: The rehearsal of a year; None if it fires too often for that.
    """

    cron: Cron
    upcoming: Sequence[tuple[datetime, datetime]]
    changes: Sequence[Change]
    year: Rehearsal | None


def fire_times_of(expression: str, timezone: str) -> FireTimes:
    """Return the meaning of an expression in a zone.

    Raises:
        InvalidSchedule: It cannot be used.
    """
    cron, begin = read_cron(expression, timezone), now()
    zone = ZoneInfo(cron.timezone)
    times = [cron.next_after(begin)]
    while len(times) < SHOWN:
        times.append(cron.next_after(times[-1]))
    in_a_year = islice(cron.fire_times(begin, begin + _YEAR), MOST + 1)
    is_rare = sum(1 for _ in in_a_year) <= MOST
    return FireTimes(
        cron,
        [(at, at.astimezone(zone)) for at in times],
        [_change(one) for one in clock_changes(cron, begin, begin + _YEAR)],
        rehearse(cron, begin.astimezone(zone).date()) if is_rare else None,
    )


def _change(change: ClockChange) -> Change:
    counts = Counter(item.effect for item in change.affected)
    return Change(change, [f"{count} {EFFECTS[effect]}" for effect, count in counts.items()])
