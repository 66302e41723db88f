"""What a cron expression means, written a second time: the product's code is not used here.

There are two ways to the same fire times. :func:`fire_times` is fast: it lists wall-clock times and
finds the instants at which clocks show them. :func:`walked` is slow and plain: it looks at a clock
in the zone once a minute. Tests compare both with each other and with the product.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")

_MINUTE = timedelta(minutes=1)
_DAY = timedelta(days=1)
_LOOK = timedelta(hours=6)
"""Clocks are compared this often; no zone changes its offset and changes it back in between."""

_MARGIN = timedelta(hours=25)
"""More than any clock was ever moved by at once."""


@dataclass(frozen=True)
class Pattern:
    """The sets of numbers that an expression allows, and how its days go together."""

    minutes: frozenset[int]
    hours: frozenset[int]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    needs_both_days: bool
    is_fixed: bool

    def matches_day(self, day: date) -> bool:
        if day.month not in self.months:
            return False
        by_month, by_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return (by_month and by_week) if self.needs_both_days else (by_month or by_week)

    def matches(self, wall: datetime) -> bool:
        is_time = wall.minute in self.minutes and wall.hour in self.hours
        return is_time and self.matches_day(wall.date())


@lru_cache(maxsize=4096)
def read(expression: str) -> Pattern:
    """Read numbers, names, ranges, steps and lists; nothing else."""
    minute, hour, day, month, weekday = expression.upper().split()
    return Pattern(
        minutes=_numbers(minute, 0, 59),
        hours=_numbers(hour, 0, 23),
        days=_numbers(day, 1, 31),
        months=_numbers(month, 1, 12, MONTHS, 1),
        weekdays=frozenset(n % 7 for n in _numbers(weekday, 0, 7, WEEKDAYS, 0)),
        needs_both_days=day[0] == "*" or weekday[0] == "*",
        is_fixed=minute[0] != "*" and hour[0] != "*",
    )


def _numbers(
    field: str, low: int, high: int, names: tuple[str, ...] = (), first: int = 0
) -> frozenset[int]:
    def number(text: str) -> int:
        return names.index(text) + first if text in names else int(text)

    allowed: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        if span == "*":
            begin, end = low, high
        elif "-" in span:
            begin, end = (number(text) for text in span.split("-"))
        else:
            begin = number(span)
            end = high if slash else begin
        allowed.update(range(begin, end + 1, int(step or 1)))
    return frozenset(allowed)


def walked(expression: str, zone: str, after: datetime, until: datetime) -> list[datetime]:
    """Return the fire times in ``(after, until]``, both at whole minutes, by looking at a clock.

    A rhythm fires whenever the clock shows a time that matches. A fixed time fires when the clock
    shows it or has jumped over it, unless the clock has been there before.
    """
    pattern, place = read(expression), ZoneInfo(zone)
    at = after - _MARGIN
    latest = at.astimezone(place).replace(tzinfo=None)
    found = []
    while at < until:
        at += _MINUTE
        wall = at.astimezone(place).replace(tzinfo=None)
        if pattern.is_fixed:
            passed, latest = latest, max(latest, wall)
            jumped = range(1, (latest - passed) // _MINUTE + 1)
            fires = any(pattern.matches(passed + _MINUTE * minutes) for minutes in jumped)
        else:
            fires = pattern.matches(wall)
        if fires and at > after:
            found.append(at)
    return found


def fire_times(expression: str, zone: str, after: datetime, until: datetime) -> list[datetime]:
    """Return the fire times in ``(after, until]``."""
    if after >= until:
        return []
    pattern = read(expression)
    since = after.astimezone(UTC)
    spans = _spans(zone, since.year, until.astimezone(UTC).year)
    instants = _fixed if pattern.is_fixed else _rhythm
    return sorted(at for at in instants(pattern, spans, since, until) if after < at <= until)


def clock_changes(zone: str, first_year: int, last_year: int) -> list[datetime]:
    """Return the instants at which clocks in a zone change, both years included."""
    first, last = datetime(first_year, 1, 1, tzinfo=UTC), datetime(last_year + 1, 1, 1, tzinfo=UTC)
    starts = [start for start, _ in _spans(zone, first_year, last_year)[1:]]
    return [start for start in starts if first <= start < last]


def _rhythm(
    pattern: Pattern, spans: list[tuple[datetime, timedelta]], after: datetime, until: datetime
) -> set[datetime]:
    """Each span of one offset by itself: all wall-clock times in it count."""
    found: set[datetime] = set()
    for number, (start, offset) in enumerate(spans):
        end = spans[number + 1][0] if number + 1 < len(spans) else until + _DAY
        begin, stop = max(start, after), min(end, until + _MINUTE)
        if begin < stop:
            walls = _walls(pattern, begin + offset, stop + offset)
            found.update(at for wall in walls if start <= (at := wall - offset) < end)
    return found


def _fixed(
    pattern: Pattern, spans: list[tuple[datetime, timedelta]], after: datetime, until: datetime
) -> set[datetime]:
    """Each wall-clock time by itself: the first instant that shows it, or the jump over it."""
    starts = [start for start, _ in spans]
    found = set()
    for wall in _walls(pattern, after - _MARGIN, until + _MARGIN):
        # Offsets lie between -24 and 24 hours, so few spans come into question.
        first = max(bisect_right(starts, wall - _DAY) - 1, 0)
        for number in range(first, len(spans)):
            start, offset = spans[number]
            at = wall - offset
            if at < start:
                # Not shown in the span before, and earlier than any time of this one.
                found.add(start)
                break
            if number + 1 == len(spans) or at < starts[number + 1]:
                found.add(at)
                break
    return found


def _walls(pattern: Pattern, begin: datetime, end: datetime) -> list[datetime]:
    """Return the matching wall-clock times of all days between, as if they were UTC."""
    times = [time(h, m, tzinfo=UTC) for h in sorted(pattern.hours) for m in sorted(pattern.minutes)]
    day, last = begin.date(), end.date()
    walls: list[datetime] = []
    while day <= last:
        if pattern.matches_day(day):
            walls.extend(datetime.combine(day, at) for at in times)
        day += _DAY
    return walls


@lru_cache(maxsize=8192)
def _spans(zone: str, first_year: int, last_year: int) -> list[tuple[datetime, timedelta]]:
    """Return from when which offset holds, beginning somewhat before the first year."""
    place = ZoneInfo(zone)

    def offset(at: datetime) -> timedelta:
        return at.astimezone(place).utcoffset() or timedelta()

    at = datetime(first_year, 1, 1, tzinfo=UTC) - 2 * _MARGIN
    end = datetime(last_year + 1, 1, 1, tzinfo=UTC) + 2 * _MARGIN
    spans = [(at, offset(at))]
    while at < end:
        following = at + _LOOK
        if offset(following) != spans[-1][1]:
            while (at := at + _MINUTE) <= following:
                if offset(at) != spans[-1][1]:
                    spans.append((at, offset(at)))
        at = following
    return spans
