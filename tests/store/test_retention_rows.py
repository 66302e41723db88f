"""Deleting what is kept no longer, step by step, is what the rule of the core says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert
from tests.store.conftest import PIPELINE

from headrace.control.transactions.verification import verify_ledger
from headrace.core.cron import Cron
from headrace.core.execution_filters import ExecutionFilter
from headrace.core.executions import Execution, Status
from headrace.core.ledger import LedgerRow
from headrace.core.names import least_id
from headrace.core.retention import Retention
from headrace.core.schedules import Fate
from headrace.store import executions as rows
from headrace.store import ledger, retention, schedules
from headrace.store.execution_search import search
from headrace.store.sqlite.connections import open_sqlite
from headrace.store.tables import attempts, deployments, idempotency_keys

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
DAY = timedelta(days=1)

Make = Callable[..., Execution]


def add(
    connection: Connection, new_execution: Make, created_at: datetime, ended_at: datetime | None
) -> str:
    """Add an execution that was accepted and ended then; return its id."""
    number = connection.exec_driver_sql("SELECT count(*) FROM executions").scalar()
    execution_id = f"{least_id(created_at)[:-4]}{number:04}"
    status = Status.RUNNING if ended_at is None else Status.SUCCEEDED
    execution = new_execution(
        execution_id, status=status, created_at=created_at, started_at=created_at, ended_at=ended_at
    )
    rows.add_all(connection, [execution], "w1")
    return execution_id


def delete_all(connection: Connection, rule: Retention, limit: int) -> list[str]:
    """Delete as the collector does; return the ids."""
    gone: list[str] = []

    def delete_below(below: str, ended_before: datetime | None) -> None:
        after: str | None = ""
        while after is not None:
            batch = retention.delete_executions(
                connection, below=below, ended_before=ended_before, after=after, limit=limit
            )
            assert len(batch.deleted) <= limit
            gone.extend(batch.deleted)
            after = batch.last

    since = rule.executions_since(NOW)
    if since is not None:
        delete_below(least_id(since), since)
    if rule.executions is not None:
        # Counted only now: what was too old takes no place of those that are kept.
        oldest = retention.oldest_kept(connection, rule.executions)
        if oldest is not None:
            delete_below(oldest, None)
    return gone


def is_expired(
    rule: Retention, created_at: datetime, ended_at: datetime | None, newer: int
) -> bool:
    """Whether an execution, than which so many are newer, is kept no longer."""
    if ended_at is None:
        return False
    since = rule.executions_since(NOW)
    # Both, because the clock may have been set back between the two.
    is_old = since is not None and created_at < since and ended_at < since
    return is_old or (rule.executions is not None and newer >= rule.executions)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    lives=st.lists(
        st.tuples(st.integers(0, 40), st.integers(0, 40) | st.none()), min_size=1, max_size=25
    ),
    days=st.integers(1, 40) | st.none(),
    count=st.integers(1, 30) | st.none(),
    limit=st.integers(1, 7),
)
def test_what_is_deleted_is_what_the_rule_says(
    path: Path,
    new_execution: Make,
    lives: list[tuple[int, int | None]],
    days: int | None,
    count: int | None,
    limit: int,
) -> None:
    rule = Retention(None if days is None else days * 86400.0 - 1, count)
    with open_sqlite(path, read_only=False).connect() as connection:
        connection.exec_driver_sql("DELETE FROM executions")
        known = {}
        for age, lasted in lives:
            created_at = NOW - age * DAY
            ended_at = None if lasted is None else created_at + lasted * DAY
            known[add(connection, new_execution, created_at, ended_at)] = (created_at, ended_at)
        by_age = Retention(rule.executions_s)
        in_time = {
            execution_id: times
            for execution_id, times in known.items()
            if not is_expired(by_age, *times, 0)
        }
        newest_first = sorted(in_time, reverse=True)
        kept = {
            execution_id
            for newer, execution_id in enumerate(newest_first)
            if not is_expired(rule, *known[execution_id], newer)
        }
        gone = delete_all(connection, rule, limit)
        page = search(connection, ExecutionFilter(), limit=1000)
        left = {execution.id for execution in page.executions}
    assert left == kept
    assert sorted(gone) == sorted(known.keys() - kept)


def test_attempts_and_keys_go_with_an_execution(
    connection: Connection, new_execution: Make
) -> None:
    old, new = [add(connection, new_execution, at, at) for at in (NOW - 9 * DAY, NOW)]
    deployment = {
        "id": "d",
        "name": "d",
        "pipeline_id": PIPELINE.id,
        "rule": "endpoint",
        "mode": "elastic",
        "sources": "[]",
        "destinations": "[]",
        "is_enabled": True,
        "created_at": 1,
        "created_by": "u",
        "updated_at": 1,
        "updated_by": "u",
        "url_path": "d",
        "sealed_token": b"",
    }
    connection.execute(insert(deployments).values(deployment))
    for number, execution_id in enumerate((old, new)):
        connection.execute(
            insert(attempts).values(
                execution_id=execution_id,
                attempt=1,
                started_at=1,
                ended_at=1,
                failure_kind="timeout",
                failure_message="m",
            )
        )
        connection.execute(
            insert(idempotency_keys).values(
                deployment_id="d",
                key=str(number),
                execution_id=execution_id,
                request_digest="x",
                created_at=number,
            )
        )
    batch = retention.delete_executions(
        connection, below=least_id(NOW - DAY), ended_before=NOW - DAY, limit=10
    )
    assert batch == retention.Batch([old], None)
    for table in (attempts, idempotency_keys):
        assert [row.execution_id for row in connection.execute(table.select())] == [new]


def test_keys_are_forgotten_the_oldest_first(connection: Connection, new_execution: Make) -> None:
    test_attempts_and_keys_go_with_an_execution(connection, new_execution)
    assert retention.delete_keys(connection, datetime(1970, 1, 1, tzinfo=UTC), limit=5) == 0
    assert retention.delete_keys(connection, NOW, limit=5) == 1
    assert retention.delete_keys(connection, NOW, limit=5) == 0


@pytest.fixture
def hourly(connection: Connection) -> datetime:
    """A ledger of 100 hours, with a revision that ended in the middle; return its begin."""
    begin = NOW.replace(minute=0, second=0) - timedelta(hours=100)
    middle = begin + timedelta(hours=50)
    schedules.open_revision(connection, "d", "often", Cron("0 * * * *"), begin)
    schedules.close_revision(connection, "d", middle)
    schedules.open_revision(connection, "d", "often", Cron("0 * * * *", "Asia/Tokyo"), middle)
    ledger.add_rows(
        connection,
        [
            LedgerRow("d", begin + timedelta(hours=hour), Fate.MISSED, None, "", NOW, "w")
            for hour in range(1, 101)
        ],
    )
    return begin


@pytest.mark.parametrize("hours", [1, 30, 50, 51, 99, 100])
def test_what_is_left_of_the_ledger_is_still_proven(
    connection: Connection, hourly: datetime, hours: int
) -> None:
    """After each step, because the server may end between two."""
    bound = hourly + timedelta(hours=hours)
    left = 100
    while True:
        ((_, _, found),) = verify_ledger(connection, "often", None, None, NOW)
        assert found.is_proven
        assert found.rows == found.expected
        assert len(ledger.list_rows(connection, "d", limit=1000)) == left
        gone = retention.delete_ledger(connection, bound, limit=7)
        left -= gone
        if not gone:
            break
    assert left == 100 - (hours - 1)
    ((_, _, found),) = verify_ledger(connection, "often", None, None, NOW)
    # The row of the bound itself stays, but only what is later is proven.
    assert found.rows == min(left, 100 - hours) if hours > 1 else found.rows == left
    kept = schedules.revisions_of(connection, "d")
    assert len(kept) == (2 if hours <= 50 else 1)


def test_the_begin_of_the_ledger_is_never_set_back(
    connection: Connection, hourly: datetime
) -> None:
    retention.delete_ledger(connection, hourly + timedelta(hours=50), limit=20)
    retention.delete_ledger(connection, hourly + timedelta(hours=40), limit=1000)
    ((_, _, found),) = verify_ledger(connection, "often", None, None, NOW)
    assert found.is_proven
    assert found.since == hourly + timedelta(hours=50)
