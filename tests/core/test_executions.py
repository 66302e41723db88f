"""The life of an execution."""

from __future__ import annotations

import pytest

from headrace.core.executions import TERMINAL, TRANSITIONS, Status, status_after
from headrace.core.outcomes import Failure, FailureKind


def test_every_status_has_its_transitions() -> None:
    assert set(TRANSITIONS) == set(Status)


def test_a_terminal_status_is_one_that_nothing_follows() -> None:
    assert {status for status in Status if not TRANSITIONS[status]} == TERMINAL
    assert {status for status in Status if status.is_terminal} == TERMINAL


def test_every_status_leads_to_an_end_and_the_only_way_back_is_another_attempt() -> None:
    """But for the next attempt, following transitions ends within three steps."""
    assert Status.PENDING in TRANSITIONS[Status.RUNNING]
    reached = set(Status)
    for _ in range(3):
        reached = {after for status in reached for after in TRANSITIONS[status]}
        reached -= {Status.PENDING}
    assert not reached


def test_statuses_are_spelled_as_in_the_contract() -> None:
    assert [status.value for status in Status] == [
        "Pending",
        "Running",
        "Succeeded",
        "Failed",
        "Error",
    ]


def test_success_is_no_failure() -> None:
    assert status_after(None) is Status.SUCCEEDED


@pytest.mark.parametrize("kind", FailureKind)
def test_error_is_for_faults_of_the_platform_alone(kind: FailureKind) -> None:
    platform = {"worker_lost", "environment"}
    wanted = Status.ERROR if kind.value in platform else Status.FAILED
    assert status_after(Failure(kind, "why")) is wanted
