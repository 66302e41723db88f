"""Rows of the calls that pods answer: written in bulk, most of them once, at their end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any

from sqlalchemy import Connection, bindparam, select, update

from headrace.core.executions import Status
from headrace.core.outcomes import Failure
from headrace.store import fence
from headrace.store.errors import Refused
from headrace.store.execution_row import COLUMNS, FIRST_ATTEMPT, Row
from headrace.store.tables import deployments, executions, pipelines

MAX_ROWS = 100
"""Rows of one statement. A statement for many rows takes the interpreter's lock once, and not once
for each row, so that the event loop need not give it up as often."""

_DEPLOYMENT_ID = COLUMNS.index("deployment_id")
_PIPELINE_ID = COLUMNS.index("pipeline_id")
_END_COLUMNS = ("status", "started_at", "ended_at", "outputs", "failure_kind", "failure_message")
_END = (
    update(executions)
    .where(fence.HAS)
    .values({name: bindparam(f"new_{name}") for name in _END_COLUMNS})
)
_START = (
    update(executions)
    .where(fence.WAITS)
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


def start_of(execution_id: str, worker_id: str, started_us: int | None) -> dict[str, Any]:
    """Return the change that says of a call whose row says that it waits when it began."""
    return fence.fenced(execution_id, worker_id, FIRST_ATTEMPT) | {"new_started_at": started_us}


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
        **fence.fenced(execution_id, worker_id, FIRST_ATTEMPT),
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
        except Refused:
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
