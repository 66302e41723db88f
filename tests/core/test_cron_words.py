"""What is said of a cron expression is true: the words are read back and compared with a clock."""

from __future__ import annotations

import calendar
import random
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from headrace.core.cron import read_cron
from headrace.core.errors import InvalidSchedule

WORDS = {
    "* * * * *": "Every minute",
    "*/1 * * * *": "Every minute",
    "*/5 * * * *": "Every 5 minutes",
    "0-59/20 * * * *": "Every 20 minutes",
    "0,30 * * * *": "Every 30 minutes",
    "*/45 * * * *": "At 0 and 45 minutes past the hour",
    "*/7 * * * *": "At 0, 7, 14, 21, 28, 35, 42, 49 and 56 minutes past the hour",
    "*/60 * * * *": "Every hour",
    "0 * * * *": "Every hour",
    "1 * * * *": "At 1 minute past the hour",
    "1-5/10 * * * *": "At 1 minute past the hour",
    "10-30/10 * * * *": "At 10, 20 and 30 minutes past the hour",
    "5/10 * * * *": "At 5, 15, 25, 35, 45 and 55 minutes past the hour",
    "0-9,30 * * * *": "At 0 through 9 and 30 minutes past the hour",
    "0 */6 * * *": "Every 6 hours",
    "0 */5 * * *": "At 12:00 AM, 05:00 AM, 10:00 AM, 03:00 PM and 08:00 PM",
    "0 */24 * * *": "At 12:00 AM",
    "30 */2 * * *": "Every 2 hours, the first at 12:30 AM",
    "30 0-5,10-15 * * *": "At 30 minutes past the hour, from 12:00 AM to 05:59 AM"
    " and from 10:00 AM to 03:59 PM",
    "30 9-17 * * *": "Every hour from 09:30 AM to 05:30 PM",
    "*/20 9-17 * * 1-5": "Every 20 minutes, from 09:00 AM to 05:59 PM, Monday through Friday",
    "0,20 8,20 * * *": "At 08:00 AM, 08:20 AM, 08:00 PM and 08:20 PM",
    "0 0 * * FRI-SUN": "At 12:00 AM, Friday through Sunday",
    "0 0 * * 5-7": "At 12:00 AM, Friday through Sunday",
    "0 0 * * mon-Sun": "At 12:00 AM",
    "0 0 * * SUN-TUE": "At 12:00 AM, only on Monday, Tuesday and Sunday",
    "0 0 * * 1,3,5": "At 12:00 AM, only on Monday, Wednesday and Friday",
    "0 0 * * 5L": "At 12:00 AM, on the last Friday of the month",
    "0 0 * * 5#2": "At 12:00 AM, on the second Friday of the month",
    "0 0 L * *": "At 12:00 AM, on the last day of the month",
    "0 0 */20 * *": "At 12:00 AM, on days 1 and 21 of the month",
    "0 0 1 */5 *": "At 12:00 AM, on day 1 of the month, only in January, June and November",
    "0 0 1 JAN-mar *": "At 12:00 AM, on day 1 of the month, only in January through March",
    "0 0 13 * 5": "At 12:00 AM, on day 13 of the month, or on Friday",
    "0 0 1-31 * 5": "At 12:00 AM",
    "0 0 13 * */3": "At 12:00 AM, on day 13 of the month, if it is Wednesday, Saturday or Sunday",
    "0 0 1 *,* *": "At 12:00 AM, on day 1 of the month",
}  # fmt: skip


@pytest.mark.parametrize("expression", WORDS)
def test_the_words_of_an_expression(expression: str) -> None:
    assert read_cron(expression).description == WORDS[expression]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32))
@example(0)
def test_who_follows_the_words_arrives_at_the_fire_times(seed: int) -> None:
    chance = random.Random(seed)
    cron = None
    while cron is None:
        expression = " ".join(field(chance, *limits) for limits in LIMITS)
        with suppress(InvalidSchedule):  # such as a February with 30 days
            cron = read_cron(expression)
    since = datetime(2027, chance.randint(1, 12), 1, tzinfo=UTC) - timedelta(minutes=1)
    until = since + timedelta(days=chance.choice([2, 40]))
    fired = list(cron.fire_times(since, until))[:3000]
    meant = list(told(cron.description, since, until, len(fired) + 1))
    assert fired == meant[: len(fired)], (expression, cron.description)
    assert len(fired) == 3000 or len(meant) == len(fired), (expression, cron.description)


LIMITS = [(0, 59, ()), (0, 23, ()), (1, 31, ("L", "LW")), (1, 12, ()), (0, 7, ("MON-SUN/2", "2L"))]


def field(chance: random.Random, low: int, high: int, special: tuple[str, ...]) -> str:
    kind = chance.randrange(6)
    first = chance.randint(low, high)
    values = high - low + (high != 7)
    if kind <= 1:
        return "*"
    if kind == 2:
        return f"{chance.choice(['*', f'{low}-{high}'])}/{chance.randint(1, values)}"
    if kind == 3:
        return f"{first}-{chance.randint(first, high)}"
    if kind == 4:
        more = [str(chance.randint(low, high)) for _ in range(chance.randint(0, 3))]
        return ",".join(
            [str(first), *more, *chance.sample(special, chance.randint(0, 1) * len(special) // 2)]
        )
    return f"{first}/{chance.randint(1, values)}"


# A second understanding of the words, which knows nothing of cron.

MONTHS = list(calendar.month_name)[1:]
DAYS = list(calendar.day_name)
CLOCK = r"\d\d:\d\d [AP]M"


def told(words: str, since: datetime, until: datetime, most: int) -> Iterator[datetime]:
    head = re.split(r", (?=on |only |if it|(?:[A-Z][a-z]+day through))", words)
    times, days = head[0], words[len(head[0]) :]
    at = since
    while most and (at := at + timedelta(minutes=1)) <= until:
        if at.minute == at.hour == 0:
            is_day = day_is_meant(days, at)
        if at == since + timedelta(minutes=1):
            is_day = day_is_meant(days, at)
        if is_day and time_is_meant(times, at.hour * 60 + at.minute):
            most -= 1
            yield at


@cache
def time_is_meant(words: str, minute: int) -> bool:
    spans = [
        (reckoned(a), reckoned(b)) for a, b in re.findall(rf"from ({CLOCK}) to ({CLOCK})", words)
    ]
    if spans and not any(a <= minute <= b for a, b in spans):
        return False
    if match := re.match(rf"Every hour from ({CLOCK})", words):
        return minute % 60 == reckoned(match[1]) % 60
    if match := re.match(rf"Every (\d+) hours, the first at ({CLOCK})", words):
        first = reckoned(match[2])
        return minute >= first and (minute - first) % (60 * int(match[1])) == 0
    if match := re.match(r"Every (\d+ )?(minute|hour)", words):
        return minute % (int(match[1] or 1) * (60 if match[2] == "hour" else 1)) == 0
    if match := re.match(r"At (.*) minutes? past the hour", words):
        return minute % 60 in numbers(match[1])
    return minute in {reckoned(clock) for clock in re.findall(CLOCK, words)}


def reckoned(clock: str) -> int:
    hour, minute, half = re.split("[: ]", clock)
    return int(hour) % 12 * 60 + int(minute) + 720 * (half == "PM")


def numbers(words: str) -> set[int]:
    found = {int(one) for one in re.findall(r"\d+", words)}
    for first, last in re.findall(r"(\d+) through (\d+)", words):
        found.update(range(int(first), int(last) + 1))
    return found


def names(words: str, known: list[str]) -> set[int]:
    found = {number for number, name in enumerate(known) if name in words}
    for first, last in re.findall(r"([A-Z]\w+) through ([A-Z]\w+)", words):
        if first in known:
            found.update(range(known.index(first), known.index(last) + 1))
    return found


def day_is_meant(words: str, at: datetime) -> bool:
    words, _, months = words.partition(", only in ")
    if months and at.month - 1 not in names(months, MONTHS):
        return False
    if not words:
        return True
    parts = re.fullmatch(r"(.*?)(?:(, if it is|, or on) (.*))?", words)
    assert parts is not None
    of_month, joint, of_week = parts.groups()
    if joint:
        together = all if joint == ", if it is" else any
        return together([in_month(of_month, at), in_week(of_week, at)])
    is_month = " of the month" in words and not re.search(
        r"(last|second) \w+day of", words.replace("last day", "")
    )
    return in_month(words, at) if is_month else in_week(words, at)


def in_month(words: str, at: datetime) -> bool:
    last = calendar.monthrange(at.year, at.month)[1]
    workdays = [day for day in range(1, last + 1) if at.replace(day=day).weekday() < 5]
    return (
        at.day in numbers(words)
        or (re.search(r"last day of the month(?! that)", words) is not None and at.day == last)
        or ("no Saturday or Sunday" in words and at.day == workdays[-1])
    )


def in_week(words: str, at: datetime) -> bool:
    for name in re.findall(r"the last (\w+day) of the month", words):
        if DAYS[at.weekday()] == name and (at + timedelta(days=7)).month != at.month:
            return True
    plain = re.sub(r"the last \w+day of the month", "", words)
    return at.weekday() in names(plain, DAYS)


TOO_LARGE = {
    "*/90 * * * *": ("minute", "each hour", "0 */2 * * *"),
    "5-50/61 * * * *": ("minute", "each hour", "0 */2 * * *"),
    "0 */36 * * *": ("hour", "each day", "0 0 */2 * *"),
    "0 0,*/25 * * *": ("hour", "each day", "0 0 */2 * *"),
    "0 0 */45 * *": ("day of the month", "each month", "0 0 1 */2 *"),
    "0 0 1 */13 *": ("month", "each year", "1,7"),
    "0 0 * * */8": ("day of the week", "each week", "MON,THU"),
    "0 0 * * mon-fri/9": ("day of the week", "each week", "MON,THU"),
}


@pytest.mark.parametrize("expression", TOO_LARGE)
def test_a_step_that_a_field_cannot_keep_up_is_refused(expression: str) -> None:
    name, anew, instead = TOO_LARGE[expression]
    with pytest.raises(InvalidSchedule) as refused:
        read_cron(expression)
    message = refused.value.message
    assert f"the field {name} is" in message
    assert f"starts anew {anew}" in message
    assert instead in message


@pytest.mark.parametrize(
    "largest", ["*/60 * * * *", "0 */24 * * *", "0 0 */31 * *", "0 0 1 */12 *"]
)
def test_the_largest_step_of_a_field_is_taken(largest: str) -> None:
    read_cron(largest)


@pytest.mark.parametrize(
    ("expression", "instead"),
    [
        ("0 0 * * FRI-MON", "5-6,0-1"),
        ("0 0 * * 5-0", "5-7"),
        ("0 0 * * 6-0", "6-7"),
        ("0 0 * * 7-2", "0-2"),
        ("0 0 * * SAT-TUE/2", "6,0-2"),
        ("0 22-4 * * *", "22-23,0-4"),
        ("0 0 * NOV-JAN *", "11-12,1"),
        ("50-10/5 * * * *", "50-59,0-10"),
    ],
)
def test_a_range_that_wraps_is_refused_with_what_to_write(expression: str, instead: str) -> None:
    with pytest.raises(InvalidSchedule) as refused:
        read_cron(expression)
    assert (
        f"a range that ends before it begins; to go on over the end of the field write {instead})"
        in refused.value.message
    )


@pytest.mark.parametrize(
    ("names", "numbers"),
    [
        ("FRI-SUN", "5-7"),
        ("mon-sun", "1-7"),
        ("sat-SUN/2", "6-7/2"),
        ("MON,WED-SUN", "1,3-7"),
        ("SUN-TUE", "0-2"),
        ("SUN", "0"),
    ],
)
def test_a_range_up_to_sunday_is_the_one_that_ends_with_7(names: str, numbers: str) -> None:
    by_name, by_number = (read_cron(f"0 0 * * {days}") for days in (names, numbers))
    at = datetime(2026, 1, 1, tzinfo=UTC)
    for _ in range(20):
        assert by_name.next_after(at) == by_number.next_after(at)
        at = by_name.next_after(at)
    assert by_name.description == by_number.description
