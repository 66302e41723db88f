"""A cron expression in words, made from the numbers it allows and not from how they are written.

A step that a field cannot keep up is no rhythm: ``*/45`` allows the minutes 0 and 45, and that is
what is said of it. "Every 15 minutes" is said only of times that are always 15 minutes apart.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from itertools import pairwise

from cronsim import CronSim

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", 5: "fifth", CronSim.LAST: "last"}
_MOST_TIMES = 8
"""More times of the day than this are told as minutes in hours."""


def describe(allowed: CronSim) -> str:
    """Return the meaning of an expression in English, without the zone."""
    times = _times(sorted(allowed.minutes), sorted(allowed.hours))
    return ", ".join(filter(None, [times, _days(allowed), _months(allowed.months)]))


def _times(minutes: Sequence[int], hours: Sequence[int]) -> str:
    if len(hours) == 24:
        return _through_the_day(minutes)
    if len(minutes) == 1:
        return _once_an_hour(minutes[0], hours)
    if len(minutes) * len(hours) <= _MOST_TIMES:
        return f"At {_listed([_clock(hour, minute) for hour in hours for minute in minutes])}"
    return f"{_through_the_day(minutes)}, {_during(hours)}"


def _once_an_hour(minute: int, hours: Sequence[int]) -> str:
    step = _step(hours, 24)
    if step is not None and step < 24 and minute == hours[0] == 0:
        return f"Every {step} hours"
    if len(hours) <= _MOST_TIMES:
        return f"At {_listed([_clock(hour, minute) for hour in hours])}"
    if step is not None:
        return f"Every {step} hours, the first at {_clock(hours[0], minute)}"
    if len(_runs(hours)) == 1:
        return f"Every hour from {_clock(hours[0], minute)} to {_clock(hours[-1], minute)}"
    return f"{_at_minutes([minute])}, {_during(hours)}"


def _through_the_day(minutes: Sequence[int]) -> str:
    step = _step(minutes, 60)
    if step is None or minutes[0] != 0:
        return _at_minutes(minutes)
    if step == 1:
        return "Every minute"
    return "Every hour" if step == 60 else f"Every {step} minutes"


def _at_minutes(minutes: Sequence[int]) -> str:
    noun = "minute" if minutes == [1] else "minutes"
    return f"At {_numbers(minutes)} {noun} past the hour"


def _during(hours: Sequence[int]) -> str:
    runs = _runs(hours)
    return _listed([f"from {_clock(first, 0)} to {_clock(last, 59)}" for first, last in runs])


def _clock(hour: int, minute: int) -> str:
    return f"{(hour + 11) % 12 + 1:02}:{minute:02} {'AM' if hour < 12 else 'PM'}"


def _days(allowed: CronSim) -> str | None:
    in_month = _days_of_month(allowed.days)
    in_week = _days_of_week(allowed.weekdays)
    if in_month is None or in_week is None:
        # Where one of both is enough, one that allows every day makes up for the other.
        if not allowed.day_and or (in_month is None and in_week is None):
            return None
        return in_month or _in_week_alone(in_week or [])
    if allowed.day_and:
        return f"{in_month}, if it is {_listed(in_week, 'or')}"
    return f"{in_month}, or on {_listed(in_week)}"


def _in_week_alone(names: Sequence[str]) -> str:
    if len(names) == 1 and " through " in names[0]:
        return names[0]
    return f"{'on' if names[0].startswith('the ') else 'only on'} {_listed(names)}"


def _days_of_month(days: Collection[int]) -> str | None:
    """Return the days of the month in words; None if all are allowed."""
    numbers = sorted(day for day in days if day > 0)
    if len(numbers) == 31:
        return None
    parts = []
    if numbers:
        noun = "day" if len(numbers) == 1 else "days"
        parts.append(f"on {noun} {_numbers(numbers)} of the month")
    if CronSim.LAST in days:
        parts.append("on the last day of the month")
    if CronSim.LAST_WEEKDAY in days:
        parts.append("on the last day of the month that is no Saturday or Sunday")
    return _listed(parts)


def _days_of_week(weekdays: Collection[int | tuple[int, int]]) -> list[str] | None:
    """Return the days of the week in words, piece by piece; None if all are allowed."""
    plain = sorted({(day - 1) % 7 for day in weekdays if isinstance(day, int)})
    if len(plain) == 7:
        return None
    ordered = sorted({((day[0] - 1) % 7, day[1]) for day in weekdays if not isinstance(day, int)})
    counted = [f"the {_ORDINALS[nth]} {_WEEKDAYS[day]} of the month" for day, nth in ordered]
    return [*_named(plain, _WEEKDAYS.__getitem__), *counted]


def _months(months: Collection[int]) -> str | None:
    if len(months) == 12:
        return None
    return f"only in {_listed(_named(sorted(months), lambda month: _MONTHS[month - 1]))}"


def _numbers(numbers: Sequence[int]) -> str:
    return _listed(_named(numbers, str))


def _named(numbers: Sequence[int], name: Callable[[int], str]) -> list[str]:
    """Return the names of numbers, those of three or more in a row as 'first through last'."""
    names: list[str] = []
    for first, last in _runs(numbers):
        if last - first >= 2:
            names.append(f"{name(first)} through {name(last)}")
        else:
            names += [name(number) for number in range(first, last + 1)]
    return names


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Return the first and the last of each run of consecutive numbers."""
    breaks = [pair for pair in pairwise(numbers) if pair[1] != pair[0] + 1]
    firsts = [numbers[0], *(after for _, after in breaks)] if numbers else []
    lasts = [*(before for before, _ in breaks), numbers[-1]] if numbers else []
    return list(zip(firsts, lasts, strict=True))


def _step(numbers: Sequence[int], whole: int) -> int | None:
    """Return how far apart numbers are that go evenly round a whole; None if they do not."""
    step, rest = divmod(whole, len(numbers))
    is_even = all(later - earlier == step for earlier, later in pairwise(numbers))
    return step if is_even and not rest else None


def _listed(parts: Sequence[str], word: str = "and") -> str:
    *first, last = parts
    return f"{', '.join(first)} {word} {last}" if first else last
