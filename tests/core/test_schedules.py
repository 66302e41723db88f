"""What becomes of each fire time: every policy by examples, and all of them by chance."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proof.simulation.expressions import Terms, random_terms, zones
from proof.simulation.planning import drive_zone

from headrace.core.cron import Cron
from headrace.core.errors import InvalidSchedule
from headrace.core.schedule_requests import ScheduleOptions, ScheduleRequest, read_schedule
from headrace.core.schedules import (
    MAX_FIRES,
    ON_TIME,
    Fate,
    Fire,
    Missed,
    Overlap,
    Schedule,
    ScheduleState,
    plan,
)

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOURLY = Schedule(Cron("0 * * * *"))
DAY_S = 86400.0

seeds = st.integers(0, 2**32)
patient = settings(deadline=None, max_examples=40)


def planned(
    schedule: Schedule = HOURLY, *, late: timedelta = timedelta(), since: int = 0, **state: Any
) -> list[Fire]:
    """What becomes of the fire times up to noon, the first being so many hours before it."""
    first = ScheduleState(NOON - since * HOUR, **state)
    return list(plan(schedule, first, NOON + late).fires)


def fates(fires: list[Fire]) -> list[Fate]:
    return [fire.fate for fire in fires]


def test_nothing_is_due_before_its_time() -> None:
    state = ScheduleState(NOON)
    found = plan(HOURLY, state, NOON - timedelta(microseconds=1))
    assert found.fires == ()
    assert found.next_fire_at == NOON


def test_a_fire_time_that_is_noticed_in_time_runs_and_the_next_one_follows() -> None:
    found = plan(HOURLY, ScheduleState(NOON), NOON)
    assert found.fires == (Fire(NOON, Fate.RAN),)
    assert found.next_fire_at == NOON + HOUR


@pytest.mark.parametrize("missed", Missed)
def test_up_to_a_minute_late_is_on_time_whatever_the_policy(missed: Missed) -> None:
    schedule = replace(HOURLY, missed=missed, missed_window_s=0.0)
    assert fates(planned(schedule, late=ON_TIME)) == [Fate.RAN]
    assert fates(planned(schedule, late=ON_TIME + timedelta(microseconds=1))) == [Fate.MISSED]


def test_missed_ones_are_skipped_by_default() -> None:
    fires = planned(since=3, late=HOUR / 2)
    assert fates(fires) == [Fate.MISSED] * 4
    assert [fire.detail for fire in fires] == [
        "Noticed 3 hours late.",
        "Noticed 2 hours late.",
        "Noticed 90 minutes late.",
        "Noticed 30 minutes late.",
    ]


def test_what_is_on_time_runs_though_those_before_it_were_missed() -> None:
    assert fates(planned(since=2)) == [Fate.MISSED, Fate.MISSED, Fate.RAN]


def test_the_latest_missed_one_takes_the_place_of_the_others() -> None:
    schedule = replace(HOURLY, missed=Missed.LATEST)
    fires = planned(schedule, since=2, late=HOUR / 2)
    assert fates(fires) == [Fate.MISSED, Fate.MISSED, Fate.CAUGHT_UP]
    assert "a later one takes its place" in fires[0].detail
    assert fates(planned(schedule, since=2)) == [Fate.MISSED, Fate.MISSED, Fate.RAN]


def test_the_latest_is_not_caught_up_once_it_is_too_old() -> None:
    schedule = replace(HOURLY, missed=Missed.LATEST, missed_window_s=1200.0)
    fires = planned(schedule, since=1, late=HOUR / 2)
    assert fates(fires) == [Fate.MISSED, Fate.MISSED]
    assert "the window is 20 minutes" in fires[1].detail


def test_all_missed_ones_within_the_window_are_caught_up() -> None:
    schedule = replace(HOURLY, missed=Missed.ALL, missed_window_s=2 * 3600.0)
    assert fates(planned(schedule, since=4)) == [Fate.MISSED] * 2 + [Fate.CAUGHT_UP] * 2 + [
        Fate.RAN
    ]


def test_a_disabled_deployment_says_paused_of_every_fire_time() -> None:
    for missed, overlap in product(Missed, Overlap):
        schedule = replace(HOURLY, missed=missed, overlap=overlap)
        state = ScheduleState(NOON - 5 * HOUR, is_enabled=False, running=1, pending=1)
        found = plan(schedule, state, NOON)
        assert fates(list(found.fires)) == [Fate.PAUSED] * 6
        assert found.next_fire_at == NOON + HOUR


OVERLAPS = [
    # policy, running, pending; fate, waits, cancels
    (Overlap.PARALLEL, 5, 5, (Fate.RAN, False, False)),
    (Overlap.SKIP, 0, 0, (Fate.RAN, False, False)),
    (Overlap.SKIP, 1, 0, (Fate.OVERLAPPED, False, False)),
    (Overlap.SKIP, 0, 1, (Fate.OVERLAPPED, False, False)),
    (Overlap.QUEUE_ONE, 0, 0, (Fate.RAN, False, False)),
    (Overlap.QUEUE_ONE, 1, 0, (Fate.RAN, True, False)),
    (Overlap.QUEUE_ONE, 3, 0, (Fate.RAN, True, False)),
    (Overlap.QUEUE_ONE, 1, 1, (Fate.OVERLAPPED, False, False)),
    (Overlap.QUEUE_ONE, 0, 1, (Fate.OVERLAPPED, False, False)),
    (Overlap.CANCEL_RUNNING, 0, 0, (Fate.RAN, False, False)),
    (Overlap.CANCEL_RUNNING, 1, 0, (Fate.RAN, True, True)),
    (Overlap.CANCEL_RUNNING, 0, 1, (Fate.RAN, True, True)),
]


@pytest.mark.parametrize(("overlap", "running", "pending", "wanted"), OVERLAPS)
def test_what_has_not_ended_decides_by_the_policy(
    overlap: Overlap, running: int, pending: int, wanted: tuple[Fate, bool, bool]
) -> None:
    (fire,) = planned(replace(HOURLY, overlap=overlap), running=running, pending=pending)
    assert (fire.fate, fire.waits, fire.cancels) == wanted


CAUGHT_UP = [
    (Overlap.PARALLEL, [(Fate.CAUGHT_UP, False, False)] * 3),
    (Overlap.SKIP, [(Fate.CAUGHT_UP, False, False), *[(Fate.OVERLAPPED, False, False)] * 2]),
    (Overlap.QUEUE_ONE, [(Fate.CAUGHT_UP, False, False), *[(Fate.OVERLAPPED, False, False)] * 2]),
    (Overlap.CANCEL_RUNNING, [(Fate.CAUGHT_UP, False, False), *[(Fate.CAUGHT_UP, True, True)] * 2]),
]


@pytest.mark.parametrize(("overlap", "wanted"), CAUGHT_UP)
def test_those_of_one_plan_overlap_with_each_other(
    overlap: Overlap, wanted: list[tuple[Fate, bool, bool]]
) -> None:
    schedule = replace(HOURLY, missed=Missed.ALL, overlap=overlap)
    fires = planned(schedule, since=2, late=HOUR / 2)
    assert [(fire.fate, fire.waits, fire.cancels) for fire in fires] == wanted


def test_an_overlap_says_why_also_of_one_that_was_late() -> None:
    schedule = replace(HOURLY, missed=Missed.ALL, overlap=Overlap.QUEUE_ONE)
    (fire,) = planned(schedule, late=HOUR / 2, running=1, pending=1)
    assert fire.detail == ("Noticed 30 minutes late. An earlier execution waits already.")


def test_jitter_puts_a_fire_time_off_and_keeps_its_name() -> None:
    state = ScheduleState(NOON, offset=timedelta(minutes=10))
    assert plan(HOURLY, state, NOON + timedelta(minutes=9)).fires == ()
    assert plan(HOURLY, state, NOON + timedelta(minutes=11)).fires == (Fire(NOON, Fate.RAN),)
    late = plan(HOURLY, state, NOON + timedelta(minutes=14)).fires
    assert fates(list(late)) == [Fate.MISSED]
    assert late[0].detail == "Noticed 4 minutes late."


@pytest.mark.parametrize("missed", Missed)
def test_what_jitter_has_put_off_runs_when_it_is_settled(missed: Missed) -> None:
    """A change of the deployment acts on it early; that is no reason to call it late."""
    schedule = replace(HOURLY, missed=missed)
    state = ScheduleState(NOON, offset=timedelta(minutes=50))
    found = plan(schedule, state, NOON + HOUR / 2, settles=True)
    assert found.fires == (Fire(NOON, Fate.RAN),)
    assert found.next_fire_at == NOON + HOUR


def test_settling_takes_nothing_that_is_not_there_yet() -> None:
    assert plan(HOURLY, ScheduleState(NOON), NOON - HOUR / 2, settles=True).fires == ()


@given(st.floats(0, 3600), st.uuids().map(str))
def test_the_jitter_of_a_deployment_is_bounded_and_always_the_same(
    jitter_s: float, deployment_id: str
) -> None:
    schedule = replace(HOURLY, jitter_s=jitter_s)
    offset = schedule.offset_for(deployment_id)
    assert timedelta() <= offset <= timedelta(seconds=jitter_s)
    assert replace(schedule, missed=Missed.ALL).offset_for(deployment_id) == offset


def test_jitter_spreads_deployments() -> None:
    schedule = replace(HOURLY, jitter_s=600.0)
    offsets = sorted(schedule.offset_for(f"deployment-{n}").total_seconds() for n in range(1000))
    assert max(later - earlier for earlier, later in pairwise([0, *offsets, 600])) < 15


def test_a_clock_that_is_set_back_repeats_nothing() -> None:
    first = plan(HOURLY, ScheduleState(NOON), NOON)
    state = ScheduleState(first.next_fire_at)
    for back in (timedelta(seconds=1), HOUR, timedelta(days=400)):
        found = plan(HOURLY, state, NOON - back)
        assert found.fires == ()
        assert found.next_fire_at == first.next_fire_at


def test_a_plan_is_no_longer_than_its_limit() -> None:
    state = ScheduleState(NOON - timedelta(days=30))
    found = plan(HOURLY, state, NOON)
    assert len(found.fires) == MAX_FIRES
    assert found.next_fire_at == state.next_fire_at + MAX_FIRES * HOUR


@patient
@given(seeds)
def test_every_policy_in_any_zone_does_what_the_rules_say(seed: int) -> None:
    """One fate for each fire time, in parts or at once, while clocks and servers misbehave."""
    assert drive_zone(seed, random.Random(seed).choice(zones()), policies=1) >= 0


def terms_of(schedule: Schedule) -> Terms:
    return Terms(
        expression=schedule.cron.expression,
        timezone=schedule.cron.timezone,
        missed=schedule.missed.value,
        missed_window_s=schedule.missed_window_s,
        overlap=schedule.overlap.value,
        jitter_s=schedule.jitter_s,
    )


@given(seeds)
@patient
def test_every_schedule_is_read_as_it_was_given(seed: int) -> None:
    terms = random_terms(random.Random(seed), least=0.01, most=1440)
    asked = ScheduleRequest(
        terms.expression,
        ScheduleOptions(
            timezone=terms.timezone,
            missed=terms.missed,
            missed_window_s=terms.missed_window_s,
            overlap=terms.overlap,
            jitter_s=terms.jitter_s,
        ),
    )
    assert terms_of(read_schedule(asked)) == terms
    assert read_schedule(ScheduleRequest(), read_schedule(asked)) == read_schedule(asked)


def test_defaults_keep_the_behaviour_of_the_specification() -> None:
    assert read_schedule(ScheduleRequest("0 3 * * *")) == Schedule(
        cron=Cron("0 3 * * *", "UTC"),
        missed=Missed.SKIP,
        missed_window_s=DAY_S,
        overlap=Overlap.PARALLEL,
        jitter_s=0.0,
    )


def test_a_change_keeps_what_it_does_not_name() -> None:
    before = Schedule(
        Cron("0 3 * * *", "Europe/Paris"), Missed.ALL, 60.0, Overlap.SKIP, jitter_s=5.0
    )
    after = read_schedule(ScheduleRequest("0 4 * * *"), before)
    assert after == replace(before, cron=Cron("0 4 * * *", "Europe/Paris"))
    moved = read_schedule(ScheduleRequest(options=ScheduleOptions(timezone="UTC")), before)
    assert moved == replace(before, cron=Cron("0 3 * * *", "UTC"))


def test_a_periodic_deployment_needs_a_schedule() -> None:
    with pytest.raises(InvalidSchedule, match=r"schedule is missing.*'0 3 \* \* \*'"):
        read_schedule(ScheduleRequest())


WRONG = [
    ("missed", "never", "missed must be one of 'skip', 'latest', 'all'"),
    ("missed", 3, "missed must be one of"),
    (
        "overlap",
        "queue",
        "overlap must be one of 'parallel', 'skip', 'queue_one', 'cancel_running'",
    ),
    ("missed_window_s", -1, "missed_window_s must be a number of seconds from 0 to 2,678,400"),
    ("missed_window_s", 31 * DAY_S + 1, "missed_window_s must be"),
    ("missed_window_s", float("nan"), "missed_window_s must be"),
    ("jitter_s", 3601, "jitter_s must be a number of seconds from 0 to 3,600"),
    ("jitter_s", True, "jitter_s must be"),
    ("jitter_s", "10", "jitter_s must be"),
    ("jitter_s", float("inf"), "jitter_s must be"),
    ("timezone", "Paris", "timezone must be the IANA name"),
]


@pytest.mark.parametrize(("name", "value", "message"), WRONG)
def test_a_wrong_option_is_named_with_what_it_takes(name: str, value: object, message: str) -> None:
    options = ScheduleOptions.read({name: value})
    with pytest.raises(InvalidSchedule, match=message):
        read_schedule(ScheduleRequest("* * * * *", options))


def test_a_schedule_that_was_taken_once_is_not_refused_when_something_else_changes() -> None:
    """An earlier version took steps that are refused now."""
    before = Schedule(Cron("*/90 * * * *", "UTC"))
    assert before.cron.description == "Every hour"
    moved = read_schedule(
        ScheduleRequest(options=ScheduleOptions(timezone="Europe/Paris", missed="all")), before
    )
    assert (moved.cron, moved.missed) == (Cron("*/90 * * * *", "Europe/Paris"), Missed.ALL)


def test_fire_times_of_a_pause_are_paused_and_not_caught_up_however_late_they_are_noticed() -> None:
    eager = replace(HOURLY, missed=Missed.ALL)
    paused_since = NOON - timedelta(minutes=90)
    found = planned(eager, since=3, paused_since=paused_since, late=timedelta(minutes=5))
    assert fates(found) == [Fate.CAUGHT_UP, Fate.CAUGHT_UP, Fate.PAUSED, Fate.PAUSED]
    assert {fire.detail for fire in found[2:]} == {"The server is paused."}


def test_a_fire_time_that_jitter_puts_into_a_pause_is_paused() -> None:
    offset, paused_since = timedelta(minutes=2), NOON + timedelta(minutes=1)
    found = planned(late=timedelta(minutes=3), offset=offset, paused_since=paused_since)
    assert fates(found) == [Fate.PAUSED]
