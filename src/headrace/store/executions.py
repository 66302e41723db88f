"""Rows of executions. Whatever changes one names the state that it changes from."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from headrace.core.absence import ABSENT, Absent
from headrace.core.destinations import OutputDestination
from headrace.core.executions import (
    Attempt,
    Execution,
    InputRecord,
    OutputRecord,
    Status,
    status_after,
)
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.parameters import Input, Output
from headrace.core.retries import Retries
from headrace.core.sources import InputSource
from headrace.core.values import DataType, FileStore, FileValue, Value
from headrace.store.moments import from_us, to_us
from headrace.store.tables import FAILED, OF_DELETED, UNFINISHED, attempts, executions
from headrace.wire.codec import decode, decode_records, encode
from headrace.wire.mappings import (
    destination_fields,
    destination_from,
    source_fields,
    source_from,
)

ABSENT_TEXT = 'null,"absent":true'
"""What the column of the inputs has in the place of a value that was not given."""

_HIDDEN = {"inputs", "outputs", "worker_id", "cancel_requested_at"}
_SUMMARY = [column for column in executions.c if column.name not in _HIDDEN]


# Built once, because each run needs them and building a statement costs more than running it.
_ADD = insert(executions)
_BY_ID = select(executions).where(executions.c.id == bindparam("execution_id"), ~OF_DELETED)
_OF_WORKER = (
    (executions.c.id == bindparam("execution_id"))
    & (executions.c.status == Status.RUNNING.value)
    & (executions.c.worker_id == bindparam("of_worker"))
    & (executions.c.attempt == bindparam("of_attempt"))
)
_END_COLUMNS = ("status", "ended_at", "failure_kind", "failure_message")
_FINISH = (
    update(executions)
    .where(_OF_WORKER)
    .values({column: bindparam(f"new_{column}") for column in _END_COLUMNS})
)
_FINISH_WITH_OUTPUTS = _FINISH.values(outputs=bindparam("new_outputs"))


def add_execution(connection: Connection, execution: Execution, worker_id: str | None) -> None:
    """Insert an execution, ``Running`` under a worker or ``Pending`` under none."""
    connection.execute(_ADD, _new_values(execution, worker_id))


def add_pending(connection: Connection, pending: Sequence[Execution]) -> None:
    """Insert executions that wait for a worker."""
    add_all(connection, pending, None)


def add_all(connection: Connection, found: Sequence[Execution], worker_id: str | None) -> None:
    """Insert executions as they are, of one worker or of none."""
    if found:
        connection.execute(_ADD, [_new_values(execution, worker_id) for execution in found])


def execution_by_id(connection: Connection, execution_id: str) -> Execution | None:
    """Return an execution with its inputs, outputs and earlier attempts, or None."""
    row = connection.execute(_BY_ID, {"execution_id": execution_id}).one_or_none()
    if row is None:
        return None
    execution = execution_from(row)
    if execution.attempt == 1:
        return execution
    return replace(execution, attempts=attempts_of(connection, execution_id))


def list_executions(
    connection: Connection,
    *,
    limit: int,
    before: str | None = None,
    since: str | None = None,
    prefix: str | None = None,
    pipeline_id: str | None = None,
    deployment_id: str | None = None,
    statuses: Collection[Status] = (),
) -> list[Execution]:
    """Return executions, newest first, without their inputs and outputs.

    Args:
        connection: A connection.
        limit: How many at most.
        before: Id of the last one already seen.
        since: What sorts before the first id that counts (:func:`~headrace.core.names.least_id`).
        prefix: How their ids begin.
        pipeline_id: Only those of this pipeline.
        deployment_id: Only those of this deployment.
        statuses: Only those with one of these; all if there are none.
    """
    query = select(*_SUMMARY).where(~OF_DELETED).order_by(executions.c.id.desc()).limit(limit)
    for condition in (
        None if before is None else executions.c.id < before,
        None if since is None else executions.c.id >= since,
        # All characters of ids sort before this one.
        None if prefix is None else executions.c.id.between(prefix, f"{prefix}~"),
        None if pipeline_id is None else executions.c.pipeline_id == pipeline_id,
        None if deployment_id is None else executions.c.deployment_id == deployment_id,
    ):
        if condition is not None:
            query = query.where(condition)
    if not statuses:
        return [_summary(row) for row in connection.execute(query)]
    # One query for each, because the indexes have the status first and then the order.
    found = [
        row
        for status in set(statuses)
        for row in connection.execute(query.where(*_has_status(status)))
    ]
    return [_summary(row) for row in sorted(found, key=lambda row: row.id, reverse=True)[:limit]]


def _has_status(status: Status) -> list[ColumnElement[bool]]:
    conditions = [executions.c.status == status.value]
    if not status.is_terminal:
        conditions.append(UNFINISHED)
    elif status is not Status.SUCCEEDED:
        conditions.append(FAILED)
    return conditions


def latest_execution_id(connection: Connection, pipeline_id: str) -> str | None:
    """Return the id of a pipeline's newest execution, or None if it has none."""
    newest: str | None = connection.scalar(
        select(executions.c.id)
        .where(executions.c.pipeline_id == pipeline_id)
        .order_by(executions.c.id.desc())
        .limit(1)
    )
    return newest


def statuses_of(connection: Connection, ids: Sequence[str]) -> dict[str | None, Status]:
    """Return the status of each execution that is still on record."""
    found = select(executions.c.id, executions.c.status).where(executions.c.id.in_(ids))
    return {row.id: Status(row.status) for row in connection.execute(found)}


def attempts_of(connection: Connection, execution_id: str) -> tuple[Attempt, ...]:
    """Return the earlier attempts at an execution, oldest first."""
    rows = connection.execute(
        select(attempts).where(attempts.c.execution_id == execution_id).order_by(attempts.c.attempt)
    )
    return tuple(
        Attempt(
            row.attempt,
            from_us(row.started_at),
            from_us(row.ended_at),
            Failure(FailureKind(row.failure_kind), row.failure_message),
        )
        for row in rows
    )


def finish(
    connection: Connection,
    execution_id: str,
    worker_id: str,
    *,
    attempt: int,
    outputs: Sequence[OutputRecord] | None,
    failure: Failure | None,
    at: datetime,
) -> bool:
    """Record the end of an attempt that this worker runs; False if it no longer runs it."""
    parameters = {f"new_{column}": value for column, value in end_values(failure, at).items()}
    parameters |= {"execution_id": execution_id, "of_worker": worker_id, "of_attempt": attempt}
    if outputs is None:
        return connection.execute(_FINISH, parameters).rowcount == 1
    parameters["new_outputs"] = outputs_text(outputs)
    return connection.execute(_FINISH_WITH_OUTPUTS, parameters).rowcount == 1


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


def unfinished_ids(
    connection: Connection, *, pipeline_id: str | None = None, deployment_id: str | None = None
) -> list[str]:
    """Return the ids of what is pending or running of a pipeline or of a deployment."""
    query = select(executions.c.id).where(UNFINISHED)
    # Not by the index of the pipeline: the unfinished are few, those of a pipeline may be millions.
    if pipeline_id is not None:
        query = query.where(func.coalesce(executions.c.pipeline_id, "") == pipeline_id)
    if deployment_id is not None:
        query = query.where(executions.c.deployment_id == deployment_id)
    return list(connection.scalars(query))


def _new_values(execution: Execution, worker_id: str | None) -> dict[str, Any]:
    return {
        "id": execution.id,
        "pipeline_id": execution.pipeline_id,
        "pipeline_name": execution.pipeline_name,
        "deployment_name": execution.deployment_name,
        "status": execution.status.value,
        "created_at": to_us(execution.created_at),
        "created_by": execution.created_by,
        "started_at": to_us(execution.started_at),
        "ended_at": to_us(execution.ended_at),
        "inputs": _inputs_text(execution.inputs),
        "outputs": outputs_text(execution.outputs),
        "failure_kind": execution.failure and execution.failure.kind.value,
        "failure_message": execution.failure and execution.failure.message,
        "attempt": execution.attempt,
        "worker_id": worker_id,
        "deployment_id": execution.deployment_id,
        "timeout_s": execution.timeout_s,
        "retries": execution.retries.most,
        "retry_backoff_s": execution.retries.backoff_s,
        "not_before": to_us(execution.not_before),
        "waits": execution.waits,
        "is_warm": execution.is_warm,
        "fire_at": to_us(execution.fire_at),
    }


def end_values(failure: Failure | None, at: datetime) -> dict[str, Any]:
    """Return the columns that say how an execution ended."""
    return {
        "status": status_after(failure).value,
        "ended_at": to_us(at),
        "failure_kind": failure and failure.kind.value,
        "failure_message": failure and failure.message,
    }


def _inputs_text(records: Sequence[InputRecord]) -> str:
    return encode(
        [
            [r.name, r.data_type.value, r.source.kind, source_fields(r.source), _pack(r.value)]
            for r in records
        ]
    ).decode()


def outputs_text(records: Sequence[OutputRecord]) -> str:
    """Return outputs as their column holds them."""
    return encode(
        [
            [
                r.name,
                r.data_type.value,
                r.destination.kind,
                destination_fields(r.destination),
                _pack(r.value),
            ]
            for r in records
        ]
    ).decode()


def input_frame(parameter: Input, source: InputSource) -> tuple[str, str]:
    """Return what the column of the inputs holds before and after the JSON of one value."""
    return _frame(parameter.name, parameter.data_type, source.kind, source_fields(source))


def output_frame(parameter: Output, destination: OutputDestination) -> tuple[str, str]:
    """Return what the column of the outputs holds before and after the JSON of one value."""
    fields = destination_fields(destination)
    return _frame(parameter.name, parameter.data_type, destination.kind, fields)


def _frame(name: str, kind: DataType, where: str, fields: dict[str, Any]) -> tuple[str, str]:
    before = encode([name, kind.value, where, fields, {}]).decode()
    return before.removesuffix("}]") + '"json":', "}]"


def _pack(value: Value) -> Any:
    """A file is an object under the key ``file``, any other value one under ``json``.

    Beside the null of what was not given stands the key ``absent``.
    """
    if isinstance(value, Absent):
        return {"json": None, "absent": True}
    if isinstance(value, FileValue):
        return {"file": [value.path, value.filename, value.size, value.store.value]}
    return {"json": value}


def _unpack(stored: dict[str, Any]) -> Value:
    if "file" in stored:
        path, filename, size, store = stored["file"]
        return FileValue(path, filename, size, FileStore(store))
    return ABSENT if "absent" in stored else stored["json"]


def _summary(row: Row[Any]) -> Execution:
    failure = (
        None
        if row.failure_kind is None
        else Failure(FailureKind(row.failure_kind), row.failure_message)
    )
    return Execution(
        id=row.id,
        pipeline_id=row.pipeline_id,
        pipeline_name=row.pipeline_name,
        deployment_name=row.deployment_name,
        status=Status(row.status),
        created_at=from_us(row.created_at),
        created_by=row.created_by,
        started_at=from_us(row.started_at),
        ended_at=from_us(row.ended_at),
        failure=failure,
        attempt=row.attempt,
        deployment_id=row.deployment_id,
        timeout_s=row.timeout_s,
        retries=Retries(row.retries, row.retry_backoff_s),
        not_before=from_us(row.not_before),
        waits=row.waits,
        is_warm=row.is_warm,
        fire_at=from_us(row.fire_at),
    )


def execution_from(row: Row[Any]) -> Execution:
    """Return the execution of a whole row, without its earlier attempts."""
    return replace(
        _summary(row),
        inputs=tuple(
            InputRecord(name, DataType(kind), source_from(source, fields), _unpack(value))
            for name, kind, source, fields, value in decode(row.inputs, "inputs")
        ),
        outputs=tuple(
            OutputRecord(name, DataType(kind), destination_from(goal, fields), _unpack(value))
            for name, kind, goal, fields, value in decode_records(row.outputs, "outputs")
        ),
    )
