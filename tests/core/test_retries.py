"""Whether a failed execution is attempted again, and when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.errors import InvalidRequest
from headrace.core.outcomes import FailureKind
from headrace.core.retries import (
    DEFAULT_BACKOFF_S,
    MAX_BACKOFF_S,
    MAX_RETRIES,
    Retries,
    read_retries,
)

FINAL = {FailureKind.CANCELLED, FailureKind.BAD_INPUT}
REPEATED = sorted(set(FailureKind) - FINAL)

retries = st.builds(Retries, st.integers(0, MAX_RETRIES), st.floats(0, MAX_BACKOFF_S))


@pytest.mark.parametrize("kind", FailureKind)
def test_nothing_is_attempted_again_by_default(kind: FailureKind) -> None:
    assert Retries().delay_after(1, kind) is None


@given(retries, st.sampled_from(REPEATED))
def test_there_are_as_many_attempts_as_asked_for_and_one(asked: Retries, kind: FailureKind) -> None:
    delays = [asked.delay_after(attempt, kind) for attempt in range(1, MAX_RETRIES + 2)]
    assert [delay is not None for delay in delays] == [
        attempt <= asked.most for attempt in range(1, MAX_RETRIES + 2)
    ]


@given(retries, st.integers(1, MAX_RETRIES), st.sampled_from(sorted(FINAL)))
def test_what_another_attempt_would_not_change_is_not_attempted(
    asked: Retries, attempt: int, kind: FailureKind
) -> None:
    assert asked.delay_after(attempt, kind) is None


def test_waits_double_up_to_the_longest() -> None:
    asked = Retries(20, 10.0)
    delays = [asked.delay_after(attempt, FailureKind.USER_ERROR) for attempt in range(1, 21)]
    seconds = [delay.total_seconds() for delay in delays if delay is not None]
    assert seconds[:9] == [10, 20, 40, 80, 160, 320, 640, 1280, 2560]
    assert set(seconds[9:]) == {MAX_BACKOFF_S}


@given(retries, st.integers(1, MAX_RETRIES), st.sampled_from(REPEATED))
def test_waits_are_bounded_and_never_shrink(
    asked: Retries, attempt: int, kind: FailureKind
) -> None:
    delay, following = (asked.delay_after(number, kind) for number in (attempt, attempt + 1))
    if delay is not None:
        assert timedelta() <= delay <= timedelta(seconds=MAX_BACKOFF_S)
    if delay is not None and following is not None:
        assert delay <= following


@pytest.mark.parametrize(
    ("most", "backoff_s", "wanted"),
    [
        (None, None, Retries(0, DEFAULT_BACKOFF_S)),
        (3, None, Retries(3, DEFAULT_BACKOFF_S)),
        (0, 0, Retries(0, 0.0)),
        (MAX_RETRIES, MAX_BACKOFF_S, Retries(MAX_RETRIES, MAX_BACKOFF_S)),
    ],
)
def test_retries_are_read(most: object, backoff_s: object, wanted: Retries) -> None:
    assert read_retries(most, backoff_s) == wanted


@pytest.mark.parametrize("most", [-1, MAX_RETRIES + 1, 1.0, True, "3", [], 10**30])
def test_a_wrong_number_of_retries_is_refused(most: object) -> None:
    with pytest.raises(InvalidRequest, match="retries must be a whole number from 0 to 100"):
        read_retries(most, None)


@pytest.mark.parametrize(
    "backoff_s", [-0.1, 3601, float("nan"), float("inf"), True, "10", [], 10**30]
)
def test_a_wrong_wait_is_refused(backoff_s: object) -> None:
    with pytest.raises(InvalidRequest, match="retry_backoff_s must be a number of seconds from 0"):
        read_retries(1, backoff_s)
