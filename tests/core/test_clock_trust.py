"""When the machine's clock is believed: what each jump comes to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from headrace.core.clock_trust import AWAY, DRIFT, ClockTrust, Mark, judge

THEN = datetime(2026, 3, 1, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)


@pytest.mark.parametrize(
    ("moved", "passed", "verdict"),
    [
        (timedelta(), timedelta(), ClockTrust.TRUSTED),
        (10 * MINUTE, 10 * MINUTE, ClockTrust.TRUSTED),
        (400 * DAY, 400 * DAY, ClockTrust.TRUSTED),
        (10 * MINUTE + DRIFT, 10 * MINUTE, ClockTrust.TRUSTED),
        (11 * MINUTE + DRIFT, 10 * MINUTE, ClockTrust.AHEAD),
        (400 * DAY, 10 * MINUTE, ClockTrust.AHEAD),
        (10 * MINUTE - DRIFT, 10 * MINUTE, ClockTrust.TRUSTED),
        (9 * MINUTE - DRIFT, 10 * MINUTE, ClockTrust.BEHIND),
        (-400 * DAY, 10 * MINUTE, ClockTrust.BEHIND),
    ],
)
def test_a_server_that_runs_knows_how_much_time_passed(
    moved: timedelta, passed: timedelta, verdict: ClockTrust
) -> None:
    assert judge(THEN + moved, Mark(THEN), passed) is verdict


@pytest.mark.parametrize(
    ("moved", "passed", "verdict"),
    [
        (timedelta(), timedelta(), ClockTrust.TRUSTED),
        (AWAY, timedelta(), ClockTrust.TRUSTED),
        (AWAY + MINUTE, timedelta(), ClockTrust.AHEAD),
        # It may have been off for a year indeed, but nobody knows.
        (365 * DAY, timedelta(), ClockTrust.AHEAD),
        (400 * DAY, timedelta(), ClockTrust.AHEAD),
        # To run on changes nothing; a clock that was set right does.
        (400 * DAY + 30 * DAY, 30 * DAY, ClockTrust.AHEAD),
        (30 * DAY, 30 * DAY, ClockTrust.TRUSTED),
        (-30 * MINUTE, timedelta(), ClockTrust.TRUSTED),
        (-2 * HOUR, timedelta(), ClockTrust.BEHIND),
        (THEN.replace(year=1970) - THEN, timedelta(), ClockTrust.BEHIND),
    ],
)
def test_a_server_that_starts_may_have_been_off(
    moved: timedelta, passed: timedelta, verdict: ClockTrust
) -> None:
    assert judge(THEN + moved, Mark(THEN, is_remembered=True), passed) is verdict


def test_the_first_time_is_believed() -> None:
    assert judge(THEN, None, timedelta()) is ClockTrust.TRUSTED
