"""Searches against a model: the list of all executions, filtered and cut."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, event, update
from tests.store.conftest import AT

from headrace.core.execution_filters import Count, ExecutionFilter
from headrace.core.executions import Execution, Status
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.sources import Rule
from headrace.core.tokens import User
from headrace.store import execution_counts, execution_search
from headrace.store.execution_counts import count_by_status
from headrace.store.execution_search import search
from headrace.store.executions import add_execution
from headrace.store.tables import pipelines
from headrace.store.users import add_user

Make = Callable[..., Execution]

FILTERS = {
    "all": ExecutionFilter(),
    "version": ExecutionFilter(version=2),
    "user": ExecutionFilter(created_by="ada"),
    "address": ExecutionFilter(created_by="ada@example.org", statuses=(Status.FAILED,)),
    "reason": ExecutionFilter(reason="PLAN_b%"),
    "reason of pending": ExecutionFilter(reason="plan", statuses=(Status.PENDING,)),
    "runs": ExecutionFilter(rule=Rule.RUN),
    "periodic": ExecutionFilter(rule=Rule.PERIODIC),
    "endpoint": ExecutionFilter(rule=Rule.ENDPOINT),
    "several": ExecutionFilter(statuses=(Status.FAILED, Status.ERROR, Status.SUCCEEDED)),
    "time": ExecutionFilter(since="e010", until="e030", version=1),
    "prefix": ExecutionFilter(prefix="e02"),
}


def fits(one: Execution, wanted: ExecutionFilter) -> bool:
    rule = (
        Rule.PERIODIC
        if one.fire_at is not None
        else Rule.RUN
        if one.deployment_name is None
        else Rule.ENDPOINT
    )
    message = "" if one.failure is None else one.failure.message
    return all(
        (
            wanted.version in {None, one.pipeline_version},
            wanted.created_by is None or one.created_by == "user-ada",
            wanted.rule in {None, rule},
            not wanted.statuses or one.status in wanted.statuses,
            wanted.reason is None or wanted.reason.lower() in message.lower(),
            wanted.since is None or one.id >= wanted.since,
            wanted.until is None or one.id < wanted.until,
            wanted.prefix is None or one.id.startswith(wanted.prefix),
        )
    )


@pytest.fixture
def recorded(connection: Connection, new_execution: Make) -> list[Execution]:
    """Forty executions of every kind, newest first."""
    add_user(connection, User("user-ada", "ada", "ada@example.org"), AT)
    chance = random.Random(7)
    made: list[Execution] = []
    for number in range(40):
        status = chance.choice(list(Status))
        failure = None
        if status in {Status.FAILED, Status.ERROR}:
            kind = FailureKind.USER_ERROR if status is Status.FAILED else FailureKind.WORKER_LOST
            failure = Failure(kind, chance.choice(["no plan_b% here", "Plan", "planXbY"]))
        deployed = chance.choice([None, "hourly", "served"])
        execution = replace(
            new_execution(f"e{number:03}"),
            status=status,
            started_at=None if status is Status.PENDING else AT,
            ended_at=AT + timedelta(seconds=1) if status.is_terminal else None,
            failure=failure,
            pipeline_version=chance.choice([1, 2]),
            created_by=chance.choice(["user-ada", "user-1"]),
            deployment_name=deployed,
            fire_at=AT if deployed == "hourly" else None,
        )
        add_execution(connection, execution, "w1" if status is Status.RUNNING else None)
        made.insert(0, execution)
    return made


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("looked_at", [3, 1000])
def test_pages_in_both_directions_are_the_filtered_list(
    connection: Connection,
    recorded: list[Execution],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    looked_at: int,
) -> None:
    monkeypatch.setattr(execution_search, "LOOKED_AT", looked_at)
    wanted = FILTERS[name]
    expected = [one.id for one in recorded if fits(one, wanted)]
    found: list[str] = []
    page = search(connection, wanted, limit=4)
    assert page.newer is None
    while True:
        assert len(page.executions) <= 4
        found += [one.id for one in page.executions]
        if page.older is None:
            break
        page = search(connection, wanted, limit=4, before=page.older)
    assert found == expected
    # And back, from before the oldest.
    back: list[str] = []
    page = search(connection, wanted, limit=4, after="e")
    while True:
        back = [one.id for one in page.executions] + back
        if page.newer is None:
            break
        page = search(connection, wanted, limit=4, after=page.newer)
    assert back == expected


@pytest.mark.parametrize("name", FILTERS)
def test_counts_are_those_of_the_filtered_list(
    connection: Connection, recorded: list[Execution], name: str
) -> None:
    wanted = FILTERS[name].of_status()
    counts = count_by_status(connection, wanted)
    assert list(counts) == [None, *Status]
    for status in (None, *Status):
        expected = sum(fits(one, wanted) and status in {None, one.status} for one in recorded)
        assert counts[status] == Count(expected, is_exact=True), status


def test_counts_say_where_they_end(
    connection: Connection, recorded: list[Execution], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution_counts, "MOST_COUNTED", 10)
    counts = count_by_status(connection, ExecutionFilter())
    assert counts[None] == Count(10, is_exact=False)
    # The newest ten are counted, and those that succeeded are the rest of them.
    newest = sum(one.status is Status.SUCCEEDED for one in recorded[:10])
    assert counts[Status.SUCCEEDED] == Count(newest, is_exact=False)


def test_counts_compare_the_newest_alone(
    connection: Connection, recorded: list[Execution], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution_counts, "COMPARED", 10)
    wanted = FILTERS["version"]
    counts = count_by_status(connection, wanted)
    for status in (None, Status.SUCCEEDED):
        newest = sum(fits(one, wanted) and status in {None, one.status} for one in recorded[:10])
        assert counts[status] == Count(newest, is_exact=False)
    for status in (Status.FAILED, Status.ERROR, Status.PENDING, Status.RUNNING):
        of_it = [one for one in recorded if one.status is status]
        some = sum(fits(one, wanted) for one in of_it[:10])
        assert counts[status] == Count(some, is_exact=len(of_it) < 10), status


@pytest.mark.parametrize("deleted", [False, True])
def test_counts_leave_out_what_was_deleted(
    connection: Connection, recorded: list[Execution], deleted: bool
) -> None:
    pipeline_id = recorded[0].pipeline_id
    if deleted:
        gone = update(pipelines).where(pipelines.c.id == pipeline_id)
        connection.execute(gone.values(deleted_at=1))
    counts = count_by_status(connection, ExecutionFilter(pipeline_id=pipeline_id))
    for status in (None, *Status):
        there = sum(status in {None, one.status} for one in recorded)
        assert counts[status] == Count(0 if deleted else there, is_exact=True), status


@pytest.mark.parametrize("kept", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (ExecutionFilter(since="0"), "ix_executions_failed (status=? AND id>?)"),
        (
            ExecutionFilter(since="0", pipeline_id="a"),
            "of_pipeline (pipeline_id=? AND status=? AND id>?)",
        ),
        (
            ExecutionFilter(since="0", deployment_id="a"),
            "of_deployment (deployment_id=? AND status=? AND id>?)",
        ),
    ],
)
def test_counts_of_failures_are_of_an_index(
    connection: Connection, wanted: ExecutionFilter, index: str
) -> None:
    asked: list[tuple[str, Any]] = []
    event.listen(
        connection, "before_cursor_execute", lambda *given: asked.append((given[2], given[3]))
    )
    count_by_status(connection, wanted)
    failed = [one for one in asked if "failure_kind IS NOT NULL" in one[0]]
    assert failed
    for statement, parameters in failed:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
        assert any(index in row[3] for row in plan), (statement, plan)
