"""A rehearsal says what the schedule will do: counted by hand, and against the plan itself."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.core.clock_changes import Effect, clock_changes
from headrace.core.cron import Cron, read_cron
from headrace.core.errors import InvalidRequest
from headrace.core.rehearsal import MAX_DURATION, rehearse
from headrace.core.schedules import Fate, Overlap, Schedule, ScheduleState, plan

NEW_YEAR = date(2026, 1, 1)
MINUTE = timedelta(minutes=1)


def utc(
    year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0
) -> datetime:
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)


def effects(expression: str, timezone: str, first_day: date = NEW_YEAR):
    """Each affected time of a year: what clocks show, what becomes of it, at which instants."""
    rehearsal = rehearse(read_cron(expression, timezone), first_day)
    return [
        (f"{item.wall:%m-%d %H:%M}", item.effect, [f"{at:%H:%M}" for at in item.fire_times])
        for change in rehearsal.changes
        for item in change.affected
    ]


@pytest.mark.parametrize(
    ("expression", "count", "upcoming"),
    [
        # The specification's own examples; 1 January 2026 is a Thursday.
        ("0 3 * * *", 365, ["01-01 03:00", "01-02 03:00", "01-03 03:00", "01-04 03:00"]),
        ("0 21 * * 1", 52, ["01-05 21:00", "01-12 21:00", "01-19 21:00", "01-26 21:00"]),
        ("0 18 15 * *", 12, ["01-15 18:00", "02-15 18:00", "03-15 18:00", "04-15 18:00"]),
        ("0 8 * * 1-5", 261, ["01-01 08:00", "01-02 08:00", "01-05 08:00", "01-06 08:00"]),
        ("* * * 1 *", 44_640, ["01-01 00:00", "01-01 00:01", "01-01 00:02", "01-01 00:03"]),
    ],
)
def test_the_fire_times_of_a_year_are_counted(expression, count, upcoming):
    rehearsal = rehearse(read_cron(expression), NEW_YEAR)
    assert rehearsal.count == count
    assert sum(count for _, count in rehearsal.months) == count
    assert [month for month, _ in rehearsal.months] == [f"2026-{n:02}" for n in range(1, 13)]
    assert [f"{at:%m-%d %H:%M}" for at in rehearsal.upcoming[:4]] == upcoming
    assert rehearsal.changes == ()


def test_the_year_begins_and_ends_at_local_midnight():
    rehearsal = rehearse(read_cron("0 0 * * *", "Asia/Tokyo"), date(2026, 5, 20))
    assert (rehearsal.since, rehearsal.until) == (utc(2026, 5, 19, 15), utc(2027, 5, 19, 15))
    assert rehearsal.upcoming[0] == rehearsal.since
    assert rehearsal.count == 365
    assert rehearsal.months[0] == ("2026-05", 12)
    assert rehearsal.months[-1] == ("2027-05", 19)


def test_a_year_may_begin_on_a_leap_day():
    rehearsal = rehearse(read_cron("0 12 * * *"), date(2028, 2, 29))
    assert (rehearsal.since, rehearsal.until) == (utc(2028, 2, 29), utc(2029, 3, 1))
    assert rehearsal.count == 366
    assert (rehearsal.months[0], rehearsal.months[-1]) == (("2028-02", 1), ("2029-02", 28))


def test_what_fires_seldom_shows_its_fire_times_beyond_the_year():
    rehearsal = rehearse(read_cron("0 0 29 2 *"), NEW_YEAR, timedelta(hours=1))
    assert rehearsal.count == 0
    assert rehearsal.upcoming[:2] == (utc(2028, 2, 29), utc(2032, 2, 29))
    assert (rehearsal.shortest, rehearsal.longest) == (None, None)
    assert all(outcome.started == 0 for outcome in rehearsal.outcomes)


def test_a_time_of_the_day_fires_once_on_each_day_whatever_clocks_do():
    assert effects("30 2 * * *", "Europe/Paris") == [
        ("03-29 02:30", Effect.AT_THE_CHANGE, ["01:00"]),
        ("10-25 02:30", Effect.ONCE, ["00:30"]),
    ]
    rehearsal = rehearse(read_cron("30 2 * * *", "Europe/Paris"), NEW_YEAR)
    assert rehearsal.count == 365
    assert [change.fire_times for change in rehearsal.changes] == [1, 1]
    assert [change.day for change in rehearsal.changes] == [date(2026, 3, 29), date(2026, 10, 25)]
    assert rehearsal.shortest is not None
    assert rehearsal.longest is not None
    assert rehearsal.shortest.since == utc(2026, 3, 28, 1, 30)
    assert rehearsal.shortest.length == timedelta(hours=23, minutes=30)
    assert rehearsal.longest.since == utc(2026, 10, 25, 0, 30)
    assert rehearsal.longest.length == timedelta(hours=25)


def test_a_rhythm_follows_what_clocks_show():
    assert effects("*/30 * * * *", "Europe/Paris") == [
        ("03-29 02:00", Effect.SKIPPED, []),
        ("03-29 02:30", Effect.SKIPPED, []),
        ("10-25 02:00", Effect.TWICE, ["00:00", "01:00"]),
        ("10-25 02:30", Effect.TWICE, ["00:30", "01:30"]),
    ]
    rehearsal = rehearse(read_cron("*/30 * * * *", "Europe/Paris"), NEW_YEAR)
    assert [change.fire_times for change in rehearsal.changes] == [46, 50]
    clocks = [(change.before.hour, change.after.hour) for change in rehearsal.changes]
    assert clocks == [(2, 3), (3, 2)]


def test_times_that_are_skipped_together_fire_once():
    assert effects("0,20,40 2,3 * * *", "Europe/Paris")[:3] == [
        ("03-29 02:00", Effect.AT_THE_CHANGE, ["01:00"]),
        ("03-29 02:20", Effect.AT_THE_CHANGE, ["01:00"]),
        ("03-29 02:40", Effect.AT_THE_CHANGE, ["01:00"]),
    ]
    rehearsal = rehearse(read_cron("0,20,40 2,3 * * *", "Europe/Paris"), NEW_YEAR)
    # 3:00, which is the instant of the change as well, 3:20 and 3:40.
    assert rehearsal.changes[0].fire_times == 3


def test_half_an_hour_and_a_whole_day_are_changes_as_well():
    assert effects("15 2 * * *", "Australia/Lord_Howe") == [
        ("10-04 02:15", Effect.AT_THE_CHANGE, ["15:30"]),
    ]
    assert effects("45 * * * *", "Australia/Lord_Howe")[0] == (
        "04-05 01:45",
        Effect.TWICE,
        ["14:45", "15:15"],
    )
    # Samoa had no 30 December 2011.
    rehearsal = rehearse(read_cron("0 12 * * *", "Pacific/Apia"), date(2011, 12, 1))
    change = rehearsal.changes[0]
    assert [item.effect for item in change.affected] == [Effect.AT_THE_CHANGE]
    assert change.affected[0].fire_times == (change.at,) == (utc(2011, 12, 30, 10),)
    assert (change.day, change.fire_times) == (date(2011, 12, 30), 0)


def test_every_overlap_policy_is_counted():
    rehearsal = rehearse(read_cron("*/20 * 1 1 *"), NEW_YEAR, timedelta(minutes=50))
    assert (rehearsal.count, rehearsal.overlapping) == (72, 71)
    found = {outcome.policy: outcome for outcome in rehearsal.outcomes}
    assert set(found) == set(Overlap)
    assert found[Overlap.PARALLEL].started == 72
    assert found[Overlap.PARALLEL].most_at_once == 3
    # One of three starts, at 0:00, 1:00, 2:00 and so on.
    assert (found[Overlap.SKIP].started, found[Overlap.SKIP].skipped) == (24, 48)
    assert found[Overlap.QUEUE_ONE].most_at_once == 1
    assert found[Overlap.QUEUE_ONE].longest_wait <= timedelta(minutes=50)
    assert found[Overlap.CANCEL_RUNNING].cancelled == 71


def test_what_takes_exactly_as_long_as_the_gap_does_not_overlap():
    rehearsal = rehearse(read_cron("0 * 1 1 *"), NEW_YEAR, timedelta(hours=1))
    assert rehearsal.overlapping == 0
    assert {(o.started, o.skipped, o.waited, o.cancelled) for o in rehearsal.outcomes} == {
        (24, 0, 0, 0)
    }


@pytest.mark.parametrize("day", [date(1969, 12, 31), date(3000, 1, 1)])
def test_a_day_of_another_age_is_refused(day):
    with pytest.raises(InvalidRequest, match="first day must be from 1970-01-01"):
        rehearse(read_cron("0 3 * * *"), day)


@pytest.mark.parametrize("duration", [timedelta(seconds=-1), MAX_DURATION + timedelta(seconds=1)])
def test_a_duration_out_of_bounds_is_refused(duration):
    with pytest.raises(InvalidRequest, match="duration must be from 0 seconds to 366 days"):
        rehearse(read_cron("0 3 * * *"), NEW_YEAR, duration)


def planned(cron: Cron, duration: timedelta, policy: Overlap) -> tuple[int, int, int, int]:
    """Drive the plan through the year with executions of one length, as the server would.

    Returns how many start, wait, are skipped and are cancelled.
    """
    schedule = Schedule(cron, overlap=policy)
    running: list[datetime] = []
    pending = 0
    started = waited = skipped = cancelled = 0
    for at in cron.fire_times(utc(2025, 12, 31, 23, 59), utc(2026, 12, 31, 23, 59)):
        while running and running[0] <= at:
            ended = running.pop(0)
            if pending:
                pending -= 1
                running.append(ended + duration)
        state = ScheduleState(next_fire_at=at, running=len(running), pending=pending)
        fire = plan(schedule, state, at).fires[0]
        if fire.fate is Fate.OVERLAPPED:
            skipped += 1
            continue
        started += 1
        if fire.cancels:
            cancelled += len(running) + pending
            running, pending = [at + duration], 0
        elif fire.waits:
            waited += 1
            pending += 1
        else:
            running.append(at + duration)
    return started, waited, skipped, cancelled


@settings(max_examples=25, deadline=None)
@given(
    minutes=st.sets(st.integers(0, 59), min_size=1, max_size=6),
    hours=st.sampled_from(["*", "*/5", "3", "8-11"]),
    duration=st.integers(1, 400),
)
def test_policies_are_counted_as_the_plan_decides(minutes, hours, duration):
    cron = read_cron(f"{','.join(map(str, sorted(minutes)))} {hours} 1-2 3 *")
    length = timedelta(minutes=duration)
    rehearsal = rehearse(cron, NEW_YEAR, length)
    for outcome in rehearsal.outcomes:
        counted = (outcome.started, outcome.waited, outcome.skipped, outcome.cancelled)
        assert counted == planned(cron, length, outcome.policy), outcome.policy


def minutes_of(change, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """Each minute around a change, with what clocks show then."""
    around = abs(change.after - change.before) + timedelta(hours=1)
    count = 2 * int(around.total_seconds()) // 60
    begin = change.at - around
    instants = [begin + n * MINUTE for n in range(count)]
    return [(at, at.astimezone(zone).replace(tzinfo=None, fold=0)) for at in instants]


@settings(max_examples=25, deadline=None)
@given(
    minute=st.sampled_from(["0", "30", "15,45", "*/10", "*", "7"]),
    hour=st.sampled_from(["*", "*/2", "0-4", "1", "2", "3", "23"]),
    timezone=st.sampled_from(
        [
            "Europe/Paris",
            "America/New_York",
            "Australia/Lord_Howe",
            "America/Santiago",
            "Africa/Casablanca",
            "Asia/Beirut",
            "Antarctica/Troll",
        ]
    ),
    year=st.integers(2020, 2026),
)
def test_effects_are_what_clocks_show_minute_by_minute(minute, hour, timezone, year):
    cron = read_cron(f"{minute} {hour} * * *", timezone)
    changes = list(clock_changes(cron, utc(year, 1, 1), utc(year + 1, 1, 1)))
    assert len(changes) in {0, 2, 4}
    for change in changes:
        shown: dict[datetime, list[datetime]] = {}
        for at, wall in minutes_of(change, ZoneInfo(timezone)):
            shown.setdefault(wall, []).append(at)
        low, high = sorted((change.before, change.after))
        expected = []
        matching = Cron(cron.expression).fire_times(
            low.replace(tzinfo=UTC) - MINUTE, high.replace(tzinfo=UTC) - MINUTE
        )
        for wall in (at.replace(tzinfo=None) for at in matching):
            instants = shown.get(wall, [])
            if cron.is_fixed:
                effect = Effect.ONCE if instants else Effect.AT_THE_CHANGE
                instants = instants[:1] or [change.at]
            else:
                effect = Effect.TWICE if instants else Effect.SKIPPED
            expected.append((wall, effect, tuple(instants)))
        found = [(item.wall, item.effect, item.fire_times) for item in change.affected]
        assert found == expected
