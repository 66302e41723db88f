"""Rows of executions. Whatever changes one names the state that it changes from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from headrace.core.executions import Execution, InputRecord, Status
from headrace.core.outcomes import Failure
from headrace.store.attempts import attempts_of
from headrace.store.execution_row import (
    SUMMARY,
    end_values,
    execution_from,
    row_of,
    summary_from,
)
from headrace.store.recorded_values import inputs_from
from headrace.store.tables import OF_DELETED, UNFINISHED, executions

MAX_INPUTS_READ = 64_000_000
"""Characters of recorded inputs that are read to compare them with another version."""

# Built once, because each run needs them and building a statement costs more than running it.
_ADD = insert(executions)
_BY_ID = select(executions).where(executions.c.id == bindparam("execution_id"), ~OF_DELETED)
_AMONG = (executions.c.id.in_(bindparam("ids", expanding=True)), ~OF_DELETED)
_BY_IDS = select(executions).where(*_AMONG)
_SUMMARIES = select(*SUMMARY).where(*_AMONG)
_AT_ONCE = 200
_UNFINISHED_COUNTS = select(
    func.count().filter(executions.c.status == Status.RUNNING.value),
    func.count().filter(executions.c.status == Status.PENDING.value),
).where(UNFINISHED, ~OF_DELETED)


def add_execution(connection: Connection, execution: Execution, worker_id: str | None) -> None:
    """Insert an execution, ``Running`` under a worker or ``Pending`` under none."""
    connection.execute(_ADD, row_of(execution, worker_id))


def add_all(connection: Connection, found: Sequence[Execution], worker_id: str | None) -> None:
    """Insert executions as they are, of one worker or of none."""
    if found:
        connection.execute(_ADD, [row_of(execution, worker_id) for execution in found])


def unfinished_counts(connection: Connection) -> tuple[int, int]:
    """Return how many executions run, and how many wait to."""
    running, pending = connection.execute(_UNFINISHED_COUNTS).one()
    return running, pending


def execution_by_id(connection: Connection, execution_id: str) -> Execution | None:
    """Return an execution with its inputs, outputs and earlier attempts, or None."""
    row = connection.execute(_BY_ID, {"execution_id": execution_id}).one_or_none()
    if row is None:
        return None
    execution = execution_from(row)
    if execution.attempt == 1:
        return execution
    return replace(execution, attempts=attempts_of(connection, execution_id))


def executions_by_id(connection: Connection, ids: Sequence[str]) -> dict[str, Execution]:
    """Return executions by their ids, without earlier attempts; one that is gone is left out."""
    found: dict[str, Execution] = {}
    for begin in range(0, len(ids), _AT_ONCE):
        for row in connection.execute(_BY_IDS, {"ids": ids[begin : begin + _AT_ONCE]}):
            found[row.id] = execution_from(row)
    return found


def summaries_of(connection: Connection, ids: Sequence[str]) -> dict[str, Execution]:
    """Return executions by their ids, without inputs and outputs; one that is gone is left out."""
    found: dict[str, Execution] = {}
    for begin in range(0, len(ids), _AT_ONCE):
        for row in connection.execute(_SUMMARIES, {"ids": ids[begin : begin + _AT_ONCE]}):
            found[row.id] = summary_from(row)
    return found


def latest_inputs(
    connection: Connection, deployment_id: str, *, limit: int, since: str = ""
) -> Iterator[tuple[str, tuple[InputRecord, ...]]]:
    """Yield id and inputs of the executions of a deployment, newest first.

    Args:
        connection: A connection, in use until the last one is read.
        deployment_id: The deployment.
        limit: How many at most; fewer if their inputs exceed :data:`MAX_INPUTS_READ` together.
        since: What sorts before the first id that counts.
    """
    rows = connection.execute(
        select(executions.c.id, executions.c.inputs)
        .where(executions.c.deployment_id == deployment_id, executions.c.id >= since)
        .order_by(executions.c.id.desc())
        .limit(limit)
    ).yield_per(50)
    size = 0
    for row in rows:
        size += len(row.inputs)
        if size > MAX_INPUTS_READ:
            rows.close()
            return
        yield row.id, inputs_from(row.inputs)


def statuses_of(connection: Connection, ids: Sequence[str]) -> dict[str | None, Status]:
    """Return the status of each execution that is still on record."""
    found = select(executions.c.id, executions.c.status).where(executions.c.id.in_(ids))
    return {row.id: Status(row.status) for row in connection.execute(found)}


def end_pending(connection: Connection, execution_id: str, failure: Failure, at: datetime) -> bool:
    """End an execution that never started; False if it is not pending."""
    result = connection.execute(
        update(executions)
        .where(
            executions.c.id == execution_id,
            executions.c.status == Status.PENDING.value,
            # One that waits in a pod's queue is its worker's to end.
            executions.c.worker_id.is_(None),
        )
        .values(end_values(failure, at))
    )
    return result.rowcount == 1


def remove_execution(connection: Connection, execution_id: str) -> None:
    """Delete an execution's row."""
    connection.execute(delete(executions).where(executions.c.id == execution_id))


def unfinished_ids(connection: Connection, deployment_id: str) -> list[str]:
    """Return the ids of the pending and running executions of a deployment."""
    query = select(executions.c.id).where(UNFINISHED, executions.c.deployment_id == deployment_id)
    return list(connection.scalars(query))
