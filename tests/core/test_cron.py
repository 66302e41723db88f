"""Cron expressions: what they mean, when they fire, and what is said of wrong ones."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from proof.simulation.expressions import random_expression, zones
from proof.simulation.oracle import clock_changes, fire_times, walked

from headrace.core.cron import Cron, read_cron, read_timezone
from headrace.core.errors import InvalidSchedule

START = datetime(2026, 1, 1, tzinfo=UTC)
AROUND = timedelta(hours=3)
WEIRD = {
    "Australia/Lord_Howe": 2026,  # half an hour
    "Africa/Casablanca": 2026,  # back for a month that follows the moon
    "Antarctica/Troll": 2026,  # two hours
    "Pacific/Apia": 2011,  # a whole day skipped
    "America/Nuuk": 2024,  # before midnight of the day before
    "Asia/Beirut": 2026,  # at midnight
    "Pacific/Chatham": 2026,  # at a quarter to three
    "America/Havana": 2026,
    "Africa/Cairo": 2026,
    "Europe/Dublin": 2026,  # the summer is standard time
}

seeds = st.integers(0, 2**32)
patient = settings(deadline=None)


def instants(*texts: str) -> list[datetime]:
    return [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in texts]


def first(expression: str, zone: str, after: str, count: int) -> list[datetime]:
    cron, at = read_cron(expression, zone), instants(after)[0]
    found = []
    for _ in range(count):
        at = cron.next_after(at)
        found.append(at)
    return found


SPECIFIED = [
    ("* * * * *", ["2026-01-01 00:01", "2026-01-01 00:02"]),
    ("0 3 * * *", ["2026-01-01 03:00", "2026-01-02 03:00"]),
    ("0 21 * * 1", ["2026-01-05 21:00", "2026-01-12 21:00"]),
    ("0 18 15 * *", ["2026-01-15 18:00", "2026-02-15 18:00"]),
    ("0 8 * * 1-5", ["2026-01-01 08:00", "2026-01-02 08:00", "2026-01-05 08:00"]),
    ("0 0 * * 0", ["2026-01-04 00:00", "2026-01-11 00:00"]),
    ("0 0 * * 7", ["2026-01-04 00:00", "2026-01-11 00:00"]),
    ("*/20 * * * *", ["2026-01-01 00:20", "2026-01-01 00:40", "2026-01-01 01:00"]),
    ("0 9,17 * * *", ["2026-01-01 09:00", "2026-01-01 17:00", "2026-01-02 09:00"]),
    ("30 10-12 * * *", ["2026-01-01 10:30", "2026-01-01 11:30", "2026-01-01 12:30"]),
    ("0 0 1 * *", ["2026-02-01 00:00", "2026-03-01 00:00"]),
    ("0 0 1 6 *", ["2026-06-01 00:00", "2027-06-01 00:00"]),
    ("0 0 * jan-feb mon,Fri", ["2026-01-02 00:00", "2026-01-05 00:00"]),
    ("0 0 29 2 *", ["2028-02-29 00:00", "2032-02-29 00:00"]),
    ("5-59/25 0 * * *", ["2026-01-01 00:05", "2026-01-01 00:30", "2026-01-01 00:55"]),
    ("7/25 0 * * *", ["2026-01-01 00:07", "2026-01-01 00:32", "2026-01-01 00:57"]),
    ("0 0 13 * 5", ["2026-01-02 00:00", "2026-01-09 00:00", "2026-01-13 00:00"]),
    ("0 0 */2 * 1", ["2026-01-05 00:00", "2026-01-19 00:00", "2026-02-09 00:00"]),
    ("0 0 5-5/2 * *", ["2026-01-05 00:00", "2026-02-05 00:00"]),
]


@pytest.mark.parametrize(("expression", "wanted"), SPECIFIED)
def test_expressions_mean_what_the_specification_says(expression: str, wanted: list[str]) -> None:
    assert first(expression, "UTC", "2026-01-01 00:00", len(wanted)) == instants(*wanted)


def test_a_zone_decides_which_instant_a_time_is() -> None:
    assert first("0 8 * * *", "UTC", "2026-07-01", 1) == instants("2026-07-01 08:00")
    assert first("0 8 * * *", "Europe/Paris", "2026-07-01", 1) == instants("2026-07-01 06:00")
    assert first("0 8 * * *", "Asia/Kolkata", "2026-07-01", 1) == instants("2026-07-01 02:30")


CHANGED = [
    # Paris goes from 2:00 to 3:00 on 29 March 2026, at 1:00 UTC.
    ("30 2 * * *", "Europe/Paris", "2026-03-28 12:00", ["2026-03-29 01:00", "2026-03-30 00:30"]),
    ("0,15,30 2 * * *", "Europe/Paris", "2026-03-28 12:00", ["2026-03-29 01:00"]),
    ("0,30 1-3 * * *", "Europe/Paris", "2026-03-29 00:00", ["2026-03-29 00:30"]),
    ("0 2,3 * * *", "Europe/Paris", "2026-03-28 12:00", ["2026-03-29 01:00", "2026-03-30 00:00"]),
    ("*/30 * * * *", "Europe/Paris", "2026-03-29 00:00", ["2026-03-29 00:30", "2026-03-29 01:00"]),
    ("*/30 2 * * *", "Europe/Paris", "2026-03-28 12:00", ["2026-03-30 00:00"]),
    # and from 3:00 back to 2:00 on 25 October, at 1:00 UTC.
    ("30 2 * * *", "Europe/Paris", "2026-10-24 12:00", ["2026-10-25 00:30", "2026-10-26 01:30"]),
    ("*/30 2 * * *", "Europe/Paris", "2026-10-25 00:00", ["2026-10-25 00:30", "2026-10-25 01:00"]),
    ("0 * * * *", "Europe/Paris", "2026-10-25 00:00", ["2026-10-25 01:00", "2026-10-25 02:00"]),
    # Lord Howe goes from 2:00 to 2:30 on 4 October 2026.
    ("15 2 * * *", "Australia/Lord_Howe", "2026-10-03", ["2026-10-03 15:30", "2026-10-04 15:15"]),
    # Samoa had no 30 December 2011.
    ("0 12 30 12 *", "Pacific/Apia", "2011-12-29", ["2011-12-30 10:00", "2012-12-29 22:00"]),
    ("0 12 * * *", "Pacific/Apia", "2011-12-29", ["2011-12-29 22:00", "2011-12-30 10:00"]),
]


@pytest.mark.parametrize(("expression", "zone", "after", "wanted"), CHANGED)
def test_days_on_which_clocks_are_changed_follow_the_rule(
    expression: str, zone: str, after: str, wanted: list[str]
) -> None:
    assert first(expression, zone, after, len(wanted)) == instants(*wanted)


@patient
@given(seeds)
def test_fire_times_are_those_of_a_clock_that_is_watched(seed: int) -> None:
    """Around clock changes anywhere, minute by minute; ``make simulate`` goes everywhere."""
    chance = random.Random(seed)
    zone = chance.choice(zones())
    change = chance.choice(clock_changes(zone, 2026, 2028) or [START])
    compare(random_expression(chance, least=1), zone, change)


@pytest.mark.parametrize("zone", WEIRD)
@pytest.mark.parametrize("expression", ["30 2 * * *", "*/7 * * * *", "0,45 0-3,23 * * *"])
def test_zones_with_rules_of_their_own(zone: str, expression: str) -> None:
    for change in clock_changes(zone, WEIRD[zone], WEIRD[zone]):
        compare(expression, zone, change)


def compare(expression: str, zone: str, change: datetime) -> None:
    since, until = change - AROUND, change + AROUND
    seen = walked(expression, zone, since, until)
    assert list(Cron(expression, zone).fire_times(since, until)) == seen, (expression, zone, change)
    assert fire_times(expression, zone, since, until) == seen, (expression, zone, change)


@patient
@given(seeds, st.floats(0, 1))
@example(0, 0.0)
def test_the_next_fire_time_depends_on_the_instant_alone(seed: int, part: float) -> None:
    """From anywhere between two fire times, the second comes next, to the microsecond."""
    chance = random.Random(seed)
    zone = chance.choice(zones())
    cron = read_cron(random_expression(chance, least=1 / 40), zone)
    changes = clock_changes(zone, 2026, 2028) or [START]
    earlier = cron.next_after(chance.choice(changes) - timedelta(days=chance.uniform(0, 2)))
    later = cron.next_after(earlier)
    assert earlier < later
    between = earlier + (later - earlier) * part
    assert cron.next_after(min(between, later - timedelta(microseconds=1))) == later
    assert cron.next_after(earlier - timedelta(microseconds=1)) == earlier


REFUSED = [
    ("61 * * * *", "minute", "0 to 59"),
    ("-1 * * * *", "minute", "0 to 59"),
    ("* 24 * * *", "hour", "0 to 23"),
    ("* * 0 * *", "day of the month", "1 to 31"),
    ("* * 32 * *", "day of the month", "1 to 31"),
    ("* * * 13 *", "month", "JAN to DEC"),
    ("* * * JANUARY *", "month", "JAN to DEC"),
    ("* * * * 8", "day of the week", "0 and 7 are Sunday"),
    ("* * * * MOO", "day of the week", "SUN to SAT"),
    ("*/0 * * * *", "minute", "a step of 0"),
    ("* 5-1 * * *", "hour", "a range that ends before it begins"),
    ("* * * * ,", "day of the week", "a,b for several"),
    ("1.5 * * * *", "minute", "0 to 59"),
    ("\u0661 * * * *", "minute", "0 to 59"),
]


@pytest.mark.parametrize(("expression", "field", "why"), REFUSED)
def test_a_wrong_field_is_named_with_what_it_takes(expression: str, field: str, why: str) -> None:
    with pytest.raises(InvalidSchedule) as refused:
        read_cron(expression)
    message = refused.value.message
    assert f"the field {field} is" in message
    assert why in message
    assert "'0 8 * * 1-5' is 8:00 from Monday to Friday" in message


@pytest.mark.parametrize(
    "expression", ["", " ", "* * *", "* * * * * *", "@daily", None, 5, ["*"], "* " * 200]
)
def test_what_has_not_five_fields_is_refused_with_an_example(expression: object) -> None:
    with pytest.raises(InvalidSchedule, match=r"five.*'0 8 \* \* 1-5' is 8:00"):
        read_cron(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "0 0 31 2 *",
        "0 0 30 2 *",
        "* * 31 4,6,9,11 *",
        "*/5 * 30-31 2 *",
        "0 0 31 2 */2",
        "0 0 */15 2 1#5",
    ],
)
def test_an_expression_that_never_fires_is_refused(expression: str) -> None:
    with pytest.raises(InvalidSchedule, match="never fires"):
        read_cron(expression)


def test_a_day_of_the_week_makes_up_for_a_day_that_no_month_has() -> None:
    """Where both days are restricted, one of them is enough."""
    assert first("0 0 31 2 1", "UTC", "2026-01-01", 1) == instants("2026-02-02")


def test_spaces_around_and_between_fields_do_not_matter() -> None:
    assert read_cron("  0\t3 *  * 7 ").expression == "0 3 * * 7"


@pytest.mark.parametrize(
    "name",
    [
        "Paris",
        "europe/paris ",
        "",
        "../../etc/passwd",
        "/etc/localtime",
        "Europe",
        "localtime",
        "posixrules",
        "Factory",
        "right/Europe/Paris",
        "posix/Europe/Paris",
        None,
        3,
        "A" * 100,
        "Europe/Paris\0",
    ],
)
def test_what_is_no_zone_is_refused(name: object) -> None:
    with pytest.raises(InvalidSchedule, match="timezone must be the IANA name"):
        read_timezone(name)


def test_every_zone_can_be_used() -> None:
    assert [read_timezone(name) for name in zones()] == list(zones())


@patient
@given(seeds)
@example(0)
def test_every_expression_can_be_described(seed: int) -> None:
    assert read_cron(random_expression(random.Random(seed), least=0.01)).description


def test_a_time_that_comes_up_again_has_had_its_instant() -> None:
    # At 1:15 UTC it is 2:15 in Paris for the second time, and 2:30 was an hour ago.
    after = datetime(2026, 10, 25, 1, 15, tzinfo=UTC)
    cron = read_cron("30 2 * * *", "Europe/Paris")
    assert cron.next_after(after) == datetime(2026, 10, 26, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("minutes", ["70-80", "1-5,x", "5-70"])
def test_a_hint_is_for_ranges_that_a_field_has(minutes: str) -> None:
    with pytest.raises(InvalidSchedule, match=r"is '[^']*', but it takes numbers from 0 to 59"):
        read_cron(f"{minutes} * * * *")
