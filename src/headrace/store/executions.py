"""Rows of executions. Whatever changes one names the state that it changes from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from headrace.core.executions import (
    Execution,
    InputRecord,
    OutputRecord,
    Status,
    status_after,
)
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.values import DataType, FileStore, FileValue, Value
from headrace.store.moments import from_us, to_us
from headrace.store.tables import executions
from headrace.wire.codec import decode, encode
from headrace.wire.mappings import (
    destination_fields,
    destination_from,
    source_fields,
    source_from,
)

_SUMMARY = [
    column for column in executions.c if column.name not in {"inputs", "outputs", "worker_id"}
]


# Built once, because each run needs them and building a statement costs more than running it.
_ADD = insert(executions)
_BY_ID = select(executions).where(executions.c.id == bindparam("execution_id"))
_HAS_PENDING = select(executions.c.id).where(executions.c.status == Status.PENDING.value).limit(1)
_OF_WORKER = (
    (executions.c.id == bindparam("execution_id"))
    & (executions.c.status == Status.RUNNING.value)
    & (executions.c.worker_id == bindparam("of_worker"))
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
    connection.execute(
        _ADD,
        {
            "id": execution.id,
            "pipeline_id": execution.pipeline_id,
            "pipeline_name": execution.pipeline_name,
            "deployment_name": execution.deployment_name,
            "status": execution.status.value,
            "created_at": to_us(execution.created_at),
            "created_by": execution.created_by,
            "started_at": to_us(execution.started_at),
            "ended_at": None,
            "inputs": _inputs_text(execution.inputs),
            "outputs": _outputs_text(execution.outputs),
            "failure_kind": None,
            "failure_message": None,
            "attempt": execution.attempt,
            "worker_id": worker_id,
            "deployment_id": execution.deployment_id,
            "timeout_s": execution.timeout_s,
        },
    )


def execution_by_id(connection: Connection, execution_id: str) -> Execution | None:
    """Return an execution with its inputs and outputs, or None."""
    row = connection.execute(_BY_ID, {"execution_id": execution_id}).one_or_none()
    return None if row is None else _execution(row)


def list_executions(
    connection: Connection,
    *,
    limit: int,
    before: str | None = None,
    pipeline_id: str | None = None,
    status: Status | None = None,
) -> list[Execution]:
    """Return executions, newest first, without their inputs and outputs.

    ``before`` is the id of the last one already seen.
    """
    query = select(*_SUMMARY).order_by(executions.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(executions.c.id < before)
    if pipeline_id is not None:
        query = query.where(executions.c.pipeline_id == pipeline_id)
    if status is not None:
        query = query.where(executions.c.status == status.value)
    return [_summary(row) for row in connection.execute(query)]


def latest_execution_id(connection: Connection, pipeline_id: str) -> str | None:
    """Return the id of a pipeline's newest execution, or None if it has none."""
    newest: str | None = connection.scalar(
        select(executions.c.id)
        .where(executions.c.pipeline_id == pipeline_id)
        .order_by(executions.c.id.desc())
        .limit(1)
    )
    return newest


def claim_pending(
    connection: Connection, worker_id: str, *, limit: int, at: datetime
) -> list[Execution]:
    """Make the oldest pending executions ``Running`` under a worker, and return them."""
    oldest = connection.scalars(
        select(executions.c.id)
        .where(executions.c.status == Status.PENDING.value)
        .order_by(executions.c.id)
        .limit(limit)
    ).all()
    if not oldest:
        return []
    rows = connection.execute(
        update(executions)
        .where(executions.c.id.in_(oldest), executions.c.status == Status.PENDING.value)
        .values(status=Status.RUNNING.value, worker_id=worker_id, started_at=to_us(at))
        .returning(executions)
    ).all()
    return sorted((_execution(row) for row in rows), key=lambda execution: execution.id)


def has_pending(connection: Connection) -> bool:
    """Tell whether an execution waits for a slot."""
    return connection.scalar(_HAS_PENDING) is not None


def finish(
    connection: Connection,
    execution_id: str,
    worker_id: str,
    *,
    outputs: Sequence[OutputRecord] | None,
    failure: Failure | None,
    at: datetime,
) -> bool:
    """Record the end of an execution that this worker runs; False if it no longer runs it."""
    parameters = {f"new_{column}": value for column, value in _end(failure, at).items()}
    parameters |= {"execution_id": execution_id, "of_worker": worker_id}
    if outputs is None:
        return connection.execute(_FINISH, parameters).rowcount == 1
    parameters["new_outputs"] = _outputs_text(outputs)
    return connection.execute(_FINISH_WITH_OUTPUTS, parameters).rowcount == 1


def end_pending(connection: Connection, execution_id: str, failure: Failure, at: datetime) -> bool:
    """End an execution that never started; False if it is not pending."""
    result = connection.execute(
        update(executions)
        .where(executions.c.id == execution_id, executions.c.status == Status.PENDING.value)
        .values(_end(failure, at))
    )
    return result.rowcount == 1


def end_abandoned(
    connection: Connection, worker_id: str, failure: Failure, at: datetime
) -> list[str]:
    """End the executions that run under any worker but this one, and return their ids."""
    return list(
        connection.scalars(
            update(executions)
            .where(
                executions.c.status == Status.RUNNING.value,
                executions.c.worker_id != worker_id,
            )
            .values(_end(failure, at))
            .returning(executions.c.id)
        )
    )


def remove_execution(connection: Connection, execution_id: str) -> None:
    """Delete an execution's row."""
    connection.execute(delete(executions).where(executions.c.id == execution_id))


def unfinished_ids(
    connection: Connection, *, pipeline_id: str | None = None, deployment_id: str | None = None
) -> list[str]:
    """Return the ids of what is pending or running of a pipeline or of a deployment."""
    query = select(executions.c.id).where(
        executions.c.status.in_([Status.PENDING.value, Status.RUNNING.value])
    )
    if pipeline_id is not None:
        query = query.where(executions.c.pipeline_id == pipeline_id)
    if deployment_id is not None:
        query = query.where(executions.c.deployment_id == deployment_id)
    return list(connection.scalars(query))


def _end(failure: Failure | None, at: datetime) -> dict[str, Any]:
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


def _outputs_text(records: Sequence[OutputRecord]) -> str:
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


def _pack(value: Value) -> Any:
    """A file is an object under the key ``file``, any other value one under ``json``."""
    if isinstance(value, FileValue):
        return {"file": [value.path, value.filename, value.size, value.store.value]}
    return {"json": value}


def _unpack(stored: dict[str, Any]) -> Value:
    if "file" in stored:
        path, filename, size, store = stored["file"]
        return FileValue(path, filename, size, FileStore(store))
    return stored["json"]


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
    )


def _execution(row: Row[Any]) -> Execution:
    return replace(
        _summary(row),
        inputs=tuple(
            InputRecord(name, DataType(kind), source_from(source, fields), _unpack(value))
            for name, kind, source, fields, value in decode(row.inputs, "inputs")
        ),
        outputs=tuple(
            OutputRecord(name, DataType(kind), destination_from(goal, fields), _unpack(value))
            for name, kind, goal, fields, value in decode(row.outputs, "outputs")
        ),
    )
