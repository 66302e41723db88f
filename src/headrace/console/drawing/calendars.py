"""A calendar of days, week by week, with the fates of each day's fire times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from headrace.core.schedules import Fate

WEEKS = 6

TONES: Mapping[Fate, str] = {
    Fate.RAN: "good",
    Fate.CAUGHT_UP: "good",
    Fate.OVERLAPPED: "skip",
    Fate.PAUSED: "skip",
    Fate.MISSED: "warn",
    Fate.FAILED: "bad",
}
"""How a fate is shown."""

_WORST = ("bad", "warn", "skip", "good")


@dataclass(frozen=True, slots=True)
class Day:
    """One day.

    Attributes:
        number: Of the month; the first day of a month has its name as well.
        tone: Of the worst that happened; empty if no fire time came.
        says: All that happened, in words.
    """

    number: str
    tone: str
    says: str


def first_day(today: date) -> date:
    """Return the Monday with which the calendar begins."""
    return today - timedelta(days=today.weekday(), weeks=WEEKS - 1)


def weeks_of(today: date, fates: Mapping[date, Mapping[Fate, int]]) -> Sequence[Sequence[Day]]:
    """Return the weeks up to today, each from Monday on."""
    first = first_day(today)
    days = [first + timedelta(days=after) for after in range((today - first).days + 1)]
    found = [_day(each, fates.get(each, {})) for each in days]
    return [found[begin : begin + 7] for begin in range(0, len(found), 7)]


def _day(day: date, fates: Mapping[Fate, int]) -> Day:
    tones = {TONES[fate] for fate in fates}
    told = ", ".join(f"{count} {fate.value.replace('_', ' ')}" for fate, count in fates.items())
    return Day(
        f"{day.day} {day:%b}" if day.day == 1 else str(day.day),
        next((tone for tone in _WORST if tone in tones), ""),
        f"{day:%Y-%m-%d}: {told or 'no fire time'}",
    )
