"""The states of an environment between work and rest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from headrace.core.errors import InvalidRequest, ServerPaused, Unavailable
from headrace.core.standby import EnvironmentStatus, Standing, check_asked_status

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=5)
PAUSE, RESUME = EnvironmentStatus.PAUSE_ASKED, EnvironmentStatus.RESUME_ASKED


def test_one_that_nobody_paused_takes_work() -> None:
    fresh = Standing()
    assert (fresh.takes_work, fresh.keeps_pods, fresh.is_moving) == (True, True, False)
    fresh.check_work()
    assert fresh.asked(RESUME, NOON) is fresh


def test_a_pause_holds_from_its_request_to_the_end_of_the_resumption() -> None:
    asked = Standing().asked(PAUSE, NOON)
    assert (asked.takes_work, asked.keeps_pods) == (False, True)
    going = asked.moved(EnvironmentStatus.PODS_GOING, LATER)
    assert (going.takes_work, going.keeps_pods) == (False, False)
    still = going.moved(EnvironmentStatus.STANDBY, LATER)
    assert (still.takes_work, still.is_moving, still.paused_since) == (False, False, NOON)
    resuming = still.asked(RESUME, LATER)
    assert (resuming.takes_work, resuming.keeps_pods) == (False, True)
    coming = resuming.moved(EnvironmentStatus.PODS_COMING, LATER)
    assert (coming.takes_work, coming.keeps_pods, coming.paused_since) == (True, True, None)
    assert coming.moved(EnvironmentStatus.READY, LATER).is_moving is False


def test_a_pause_that_is_turned_round_leaves_the_pods_with_the_calls_that_they_have() -> None:
    turned = Standing().asked(PAUSE, NOON).asked(RESUME, LATER)
    assert (turned.takes_work, turned.keeps_pods) == (False, True)


@pytest.mark.parametrize("status", EnvironmentStatus)
def test_a_request_for_what_is_so_already_changes_nothing_and_others_turn_it_round(
    status: EnvironmentStatus,
) -> None:
    present = Standing(status, NOON, NOON)
    is_pausing = status in {PAUSE, EnvironmentStatus.PODS_GOING, EnvironmentStatus.STANDBY}
    assert (present.asked(PAUSE, LATER) is present) is is_pausing
    assert (present.asked(RESUME, LATER) is present) is not is_pausing
    turned = present.asked(RESUME if is_pausing else PAUSE, LATER)
    assert turned == Standing(RESUME if is_pausing else PAUSE, LATER, NOON)


def test_a_refusal_says_since_when_and_what_ends_it() -> None:
    with pytest.raises(ServerPaused, match=r"since 2026-05-04 12:00 UTC .*headrace resume") as info:
        Standing().asked(PAUSE, NOON).check_work()
    assert isinstance(info.value, Unavailable)
    assert info.value.details == {"environment_status": "pausing-step-1", "retry_after_s": 30}


@pytest.mark.parametrize("value", [None, "standby", "ready", "pausing-step-2", 1, ["x"], {}])
def test_no_other_state_can_be_asked_for(value: object) -> None:
    with pytest.raises(InvalidRequest, match='status must be "pausing-step-1" or "resuming-step-1'):
        check_asked_status(value)


@pytest.mark.parametrize("status", [PAUSE, RESUME])
def test_these_can(status: EnvironmentStatus) -> None:
    assert check_asked_status(status.value) is status
