"""What is kept: nothing that has not ended goes, and no more goes than the limits ask for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from headrace.core.names import least_id, new_id
from headrace.core.retention import FRESH, KeptFiles, Retention, files_to_drop

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

seconds = st.floats(0, 1e9) | st.none()
ages = st.timedeltas(timedelta(), timedelta(days=1000))
kept_files = st.lists(
    st.tuples(ages | st.none(), st.integers(0, 1000)).map(
        lambda item: (None if item[0] is None else NOW - item[0], item[1])
    )
).map(lambda found: [KeptFiles(str(n), end, size) for n, (end, size) in enumerate(found)])


@given(seconds)
def test_the_limits_of_age_are_times_in_the_past(age_s: float | None) -> None:
    rule = Retention(executions_s=age_s, ledger_s=age_s)
    assert rule.executions_since(NOW) == rule.ledger_since(NOW)
    if age_s is None:
        assert rule.ledger_since(NOW) is None
    else:
        assert rule.ledger_since(NOW) == NOW - timedelta(seconds=age_s)


def test_a_time_longer_than_all_dates_is_for_ever() -> None:
    assert Retention(executions_s=1e18).executions_since(NOW) is None


@given(kept_files, st.integers(-10, 5000))
def test_the_oldest_files_go_and_no_more_than_needed(files: list[KeptFiles], excess: int) -> None:
    dropped = files_to_drop(files, excess, NOW)
    may_go = [
        item.execution_id
        for item in files
        if item.ended_at is not None and item.ended_at <= NOW - FRESH and item.size
    ]
    assert dropped == may_go[: len(dropped)]
    sizes = {item.execution_id: item.size for item in files}
    freed = sum(sizes[execution_id] for execution_id in dropped)
    assert freed >= excess or dropped == may_go
    assert not dropped or freed - sizes[dropped[-1]] < excess


def test_a_least_id_stands_between_earlier_and_later_ones() -> None:
    before = new_id()
    at = datetime.now(UTC)
    earlier = least_id(at - timedelta(milliseconds=100))
    later = least_id(at + timedelta(milliseconds=100))
    assert earlier < before < later
    assert earlier < new_id() < later
