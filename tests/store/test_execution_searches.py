"""Searches against a model: the list of all executions, filtered and cut."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection
from tests.store.conftest import AT

from headrace.core.execution_filters import Count, ExecutionFilter
from headrace.core.executions import Execution, Status
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.sources import Rule
from headrace.core.tokens import User
from headrace.store import execution_search
from headrace.store.execution_search import count_by_status, search
from headrace.store.executions import add_execution
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
    monkeypatch.setattr(execution_search, "MOST_COUNTED", 5)
    monkeypatch.setattr(execution_search, "LOOKED_AT", 10)
    counts = count_by_status(connection, ExecutionFilter())
    assert counts[None] == Count(5, is_exact=False)
    # The newest ten were looked at for those that succeeded, which no index finds.
    newest = sum(one.status is Status.SUCCEEDED for one in recorded[:10])
    assert counts[Status.SUCCEEDED] == Count(min(newest, 5), is_exact=False)
