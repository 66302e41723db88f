"""Targets of reruns, read for many executions with as few queries as for one."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, event, insert, update
from tests.store.conftest import AT, PIPELINE

from headrace.control.transactions.reruns import target, targets
from headrace.core.code_choices import CURRENT, ORIGINAL
from headrace.core.destinations import RunResult
from headrace.core.errors import Conflict, NotFound
from headrace.core.executions import Execution, OutputRecord, Status
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.reruns import Target
from headrace.core.values import DataType
from headrace.store.executions import add_execution, summaries_of
from headrace.store.reruns import put_rerun
from headrace.store.tables import deployments

Make = Callable[..., Execution]


def add_deployments(connection: Connection, count: int) -> None:
    for number in range(count):
        connection.execute(
            insert(deployments).values(
                id=f"d{number}",
                name=f"d{number}",
                pipeline_id=PIPELINE.id,
                rule="endpoint",
                url_path=f"d{number}",
                sealed_token=b"sealed",
                mode="elastic",
                sources="[]",
                destinations="[]",
                is_enabled=True,
                created_at=0,
                created_by="u",
                updated_at=0,
                updated_by="u",
            )
        )


def add_ended(connection: Connection, make: Make, count: int) -> list[str]:
    """Add executions that failed, one of each deployment."""
    add_deployments(connection, count)
    for number in range(count):
        made = make(
            f"e{number:03}",
            deployment_id=f"d{number}",
            deployment_name=f"d{number}",
            status=Status.FAILED,
            started_at=AT,
            ended_at=AT + timedelta(seconds=1),
            failure=Failure(FailureKind.USER_ERROR, "broken"),
        )
        add_execution(connection, made, None)
    return [f"e{number:03}" for number in range(count)]


def test_many_are_read_with_as_few_queries_as_one(
    connection: Connection, new_execution: Make
) -> None:
    ids = add_ended(connection, new_execution, 150)
    asked: list[str] = []
    event.listen(connection, "before_cursor_execute", lambda *given: asked.append(given[2]))
    found = targets(connection, ids, CURRENT)
    assert [one.execution.id for one in found if isinstance(one, Target)] == ids
    many = len(asked)
    asked.clear()
    assert len(targets(connection, ids[:1], CURRENT)) == 1
    assert len(asked) == many


def test_each_has_its_own_answer(connection: Connection, new_execution: Make) -> None:
    ids = add_ended(connection, new_execution, 5)
    gone, off = (update(deployments).where(deployments.c.id == f"d{one}") for one in (1, 2))
    connection.execute(gone.values(deleted_at=1))
    connection.execute(off.values(is_enabled=False))
    put_rerun(connection, ids[3], "again")
    add_execution(connection, new_execution("waits"), None)
    asked = [*ids, "nowhere", "waits"]
    for code in (CURRENT, ORIGINAL, 1):
        found = targets(connection, asked, code)
        kinds = [type(one) for one in found]
        assert kinds == [Target, Conflict, Conflict, Target, Target, NotFound, Conflict]
        assert [one.rerun for one in found if isinstance(one, Target)] == [None, "again", None]
        for name, one in zip(asked, found, strict=True):
            if isinstance(one, Target):
                assert target(connection, name, code) == one
            else:
                with pytest.raises(type(one), match=re.escape(one.message)):
                    target(connection, name, code)
    assert {type(one) for one in targets(connection, ids, 2)} == {NotFound}


def test_values_of_outputs_are_left_out(connection: Connection, new_execution: Make) -> None:
    record = OutputRecord("large", DataType.STRING, RunResult("large"), "x" * 100)
    made = new_execution("e1", outputs=(record,), status=Status.SUCCEEDED, ended_at=AT)
    add_execution(connection, made, None)
    (found,) = targets(connection, ["e1"], CURRENT)
    assert isinstance(found, Target)
    assert found.execution.outputs == (replace(record, value=None),)
    assert target(connection, "e1", CURRENT).execution.outputs == (record,)


def test_summaries_are_those_of_the_ids_that_are_there(
    connection: Connection, new_execution: Make
) -> None:
    ids = add_ended(connection, new_execution, 3)
    found = summaries_of(connection, [ids[2], "nowhere", ids[0]])
    assert sorted(found) == [ids[0], ids[2]]
    assert found[ids[2]].deployment_name == "d2"
