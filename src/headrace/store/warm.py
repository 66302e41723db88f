"""Rows of the calls that pods answer: written in bulk, most of them once, at their end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection, bindparam, select, update
from sqlalchemy.exc import IntegrityError

from headrace.core.deployments import Deployment
from headrace.core.executions import Status
from headrace.core.outcomes import Failure
from headrace.store.executions import input_frame, output_frame
from headrace.store.tables import UNFINISHED, deployments, executions, pipelines

Row = tuple[Any, ...]

MAX_ROWS = 100
"""Rows of one statement. A statement for many rows takes the interpreter's lock once, and not once
for each row, so that the event loop need not give it up as often."""

COLUMNS = (
    "id",
    "status",
    "created_at",
    "started_at",
    "ended_at",
    "inputs",
    "outputs",
    "failure_kind",
    "failure_message",
    "worker_id",
    "pipeline_id",
    "pipeline_name",
    "deployment_name",
    "created_by",
    "deployment_id",
    "timeout_s",
    "attempt",
    "retries",
    "retry_backoff_s",
    "waits",
    "is_warm",
)
_DEPLOYMENT_ID = COLUMNS.index("deployment_id")
_PIPELINE_ID = COLUMNS.index("pipeline_id")
_END_COLUMNS = ("status", "started_at", "ended_at", "outputs", "failure_kind", "failure_message")
_END = (
    update(executions)
    .where(
        executions.c.id == bindparam("of_execution"),
        executions.c.worker_id == bindparam("of_worker"),
        # Pending or running: it may not have been recorded that it runs.
        UNFINISHED,
    )
    .values({name: bindparam(f"new_{name}") for name in _END_COLUMNS})
)
_START = (
    update(executions)
    .where(
        executions.c.id == bindparam("of_execution"),
        executions.c.worker_id == bindparam("of_worker"),
        executions.c.status == Status.PENDING.value,
    )
    .values(status=Status.RUNNING.value, started_at=bindparam("new_started_at"))
)


@dataclass(frozen=True, slots=True)
class Records:
    """What one commit is to say of calls.

    Attributes:
        rows: Of those that have none yet.
        starts: Of those that have one, and have begun since.
        ends: Of those that have one, and have ended.
    """

    rows: Sequence[Row]
    starts: Sequence[dict[str, Any]] = ()
    ends: Sequence[dict[str, Any]] = ()


class RowMaker:
    """Makes the rows of a deployment's calls; what they share is prepared once."""

    def __init__(self, deployment: Deployment) -> None:
        inputs = [input_frame(item.parameter, item.source) for item in deployment.inputs]
        outputs = [output_frame(item.parameter, item.destination) for item in deployment.outputs]
        self._inputs = _form(inputs)
        self._outputs = _form(outputs)
        self._no_outputs = self._outputs % (("null",) * len(outputs))
        self._shared = (
            deployment.pipeline.id,
            deployment.pipeline.name,
            deployment.name,
            deployment.created_by,
            deployment.id,
            deployment.timeout_s,
            1,
            0,
            deployment.retries.backoff_s,
            False,
            True,
        )

    def row(
        self,
        execution_id: str,
        worker_id: str,
        status: Status,
        times_us: tuple[int, int | None, int | None],
        inputs: str,
        outputs: Sequence[str] | None,
        failure: Failure | None,
    ) -> Row:
        """Return the row of a call.

        Args:
            execution_id: Its id.
            worker_id: The worker that has it made.
            status: Where it is in its life.
            times_us: When it was accepted, when it began and when it ended, in microseconds.
            inputs: The column of its inputs (:meth:`inputs_text`).
            outputs: JSON of each output, in order; None if there are none.
            failure: Why it did not succeed.
        """
        created, started, ended = times_us
        return (
            execution_id,
            status.value,
            created,
            started,
            ended,
            inputs,
            self.outputs_text(outputs),
            failure and failure.kind.value,
            failure and failure.message,
            worker_id,
            *self._shared,
        )

    def inputs_text(self, values: Sequence[str]) -> str:
        """Return the column of the inputs: JSON of each, in order; null for a secret."""
        return self._inputs % tuple(values)

    def outputs_text(self, outputs: Sequence[str] | None) -> str:
        """Return the column of the outputs."""
        return self._no_outputs if outputs is None else self._outputs % tuple(outputs)


def _form(frames: Sequence[tuple[str, str]]) -> str:
    """Return the text of a column with a ``%s`` for each value."""
    texts = [f"{before}\0{after}" for before, after in frames]
    return f"[{','.join(texts)}]".replace("%", "%%").replace("\0", "%s")


def start_of(execution_id: str, worker_id: str, started_us: int | None) -> dict[str, Any]:
    """Return the change that says of a call whose row says that it waits when it began."""
    return {"of_execution": execution_id, "of_worker": worker_id, "new_started_at": started_us}


def end_of(
    execution_id: str,
    worker_id: str,
    status: Status,
    times_us: tuple[int | None, int],
    outputs: str,
    failure: Failure | None,
) -> dict[str, Any]:
    """Return the change that ends a call which has a row.

    Args:
        execution_id: Its id.
        worker_id: The worker that has it made.
        status: How it ended.
        times_us: When it began and when it ended, in microseconds since 1970 UTC.
        outputs: The column of its outputs (:meth:`RowMaker.outputs_text`).
        failure: Why it did not succeed.
    """
    return {
        "of_execution": execution_id,
        "of_worker": worker_id,
        "new_status": status.value,
        "new_started_at": times_us[0],
        "new_ended_at": times_us[1],
        "new_outputs": outputs,
        "new_failure_kind": failure and failure.kind.value,
        "new_failure_message": failure and failure.message,
    }


def record(connection: Connection, records: Records, *, is_repeated: bool = False) -> set[str]:
    """Record calls; return the ids of those that nothing can be recorded of.

    These are the calls of pipelines that were deleted meanwhile.

    Args:
        connection: A connection that writes.
        records: What is to be said of them.
        is_repeated: Whether all of it may have been committed already.
    """
    lost: set[str] = set()
    rows = records.rows
    if is_repeated and rows:
        ids = [row[0] for row in rows]
        there = set(connection.scalars(select(executions.c.id).where(executions.c.id.in_(ids))))
        rows = [row for row in rows if row[0] not in there]
    for start in range(0, len(rows), MAX_ROWS):
        part = rows[start : start + MAX_ROWS]
        try:
            _insert(connection, part)
        except IntegrityError:
            # A statement leaves nothing behind when it fails.
            kept, gone = _without_orphans(connection, part)
            lost |= gone
            _insert(connection, kept)
    if records.starts:
        connection.execute(_START, list(records.starts))
    if records.ends:
        connection.execute(_END, list(records.ends))
    return lost


def _insert(connection: Connection, rows: Sequence[Row]) -> None:
    if rows:
        connection.exec_driver_sql(*_insertion(rows))


def _insertion(rows: Sequence[Row]) -> tuple[str, tuple[Any, ...]]:
    """Return the statement that inserts rows, at most :data:`MAX_ROWS`."""
    return _statement(len(rows)), _values(rows)


def _values(rows: Sequence[Row]) -> tuple[Any, ...]:
    return tuple(chain.from_iterable(rows))


@lru_cache(maxsize=MAX_ROWS)
def _statement(count: int) -> str:
    marks = f"({', '.join('?' * len(COLUMNS))})"
    names = ", ".join(COLUMNS)
    return f"INSERT INTO executions ({names}) VALUES {', '.join([marks] * count)}"  # noqa: S608 - names of columns alone


def _without_orphans(connection: Connection, rows: Sequence[Row]) -> tuple[list[Row], set[str]]:
    """Return the rows without deployments that are gone, and the ids of those without pipeline."""
    homes = set(
        connection.scalars(
            select(deployments.c.id).where(
                deployments.c.id.in_({row[_DEPLOYMENT_ID] for row in rows})
            )
        )
    )
    kinds = set(
        connection.scalars(
            select(pipelines.c.id).where(pipelines.c.id.in_({row[_PIPELINE_ID] for row in rows}))
        )
    )
    kept = [
        row
        if row[_DEPLOYMENT_ID] in homes
        else (*row[:_DEPLOYMENT_ID], None, *row[_DEPLOYMENT_ID + 1 :])
        for row in rows
        if row[_PIPELINE_ID] in kinds
    ]
    return kept, {row[0] for row in rows if row[_PIPELINE_ID] not in kinds}
