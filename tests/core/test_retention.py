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


@given(seconds, st.integers(1, 100) | st.none(), ages, st.integers(0, 200))
def test_what_has_not_ended_is_kept(
    age_s: float | None, count: int | None, age: timedelta, newer: int
) -> None:
    assert not Retention(age_s, count).is_expired(NOW - age, None, newer, NOW)


@given(ages, st.integers(0, 10**9))
def test_without_limits_everything_is_kept(age: timedelta, newer: int) -> None:
    assert not Retention().is_expired(NOW - age, NOW - age, newer, NOW)
    assert Retention().ledger_since(NOW) is None


@given(seconds, st.integers(1, 100) | st.none(), ages, ages, st.integers(0, 200), ages)
def test_what_has_expired_never_comes_back(
    age_s: float | None,
    count: int | None,
    age: timedelta,
    ran: timedelta,
    newer: int,
    later: timedelta,
) -> None:
    """As time goes by and others come, more expires and nothing less."""
    rule, created_at = Retention(age_s, count), NOW - age - ran
    if rule.is_expired(created_at, NOW - age, newer, NOW):
        assert rule.is_expired(created_at, NOW - age, newer + 1, NOW + later)


@given(st.integers(1, 100), st.integers(0, 200))
def test_so_many_of_the_newest_are_kept(count: int, newer: int) -> None:
    assert Retention(executions=count).is_expired(NOW, NOW, newer, NOW) is (newer >= count)


@given(st.floats(0, 1e9), ages)
def test_an_execution_is_kept_for_so_long_after_its_end(age_s: float, age: timedelta) -> None:
    """However long it waited and ran before."""
    created_at = NOW - age - timedelta(days=9)
    expired = Retention(age_s).is_expired(created_at, NOW - age, 0, NOW)
    if abs(age.total_seconds() - age_s) > 1e-3:
        assert expired is (age.total_seconds() > age_s)


def test_a_time_longer_than_all_dates_is_for_ever() -> None:
    assert not Retention(1e18).is_expired(datetime.min.replace(tzinfo=UTC), NOW, 0, NOW)
    assert Retention(ledger_s=1e18).ledger_since(NOW) is None


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
