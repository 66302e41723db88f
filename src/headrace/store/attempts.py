"""Attempts at executions: how one ends, is handed back, is made again, is asked to stop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, insert, select, update

from headrace.core.executions import Attempt, OutputRecord, Status
from headrace.core.outcomes import CANCELLED, Failure, FailureKind
from headrace.store.execution_row import end_values
from headrace.store.fence import RUNS, fenced
from headrace.store.moments import from_us, to_us
from headrace.store.recorded_values import outputs_text
from headrace.store.tables import attempts, executions

_END_COLUMNS = ("status", "ended_at", "failure_kind", "failure_message")
# Built once, because each run needs them and building a statement costs more than running it.
_FINISH = (
    update(executions)
    .where(RUNS)
    .values({column: bindparam(f"new_{column}") for column in _END_COLUMNS})
)
_FINISH_WITH_OUTPUTS = _FINISH.values(outputs=bindparam("new_outputs"))
_STARTED_AT = select(executions.c.started_at).where(RUNS)
_WAIT_AGAIN = (
    update(executions)
    .where(RUNS)
    .values(status=Status.PENDING.value, worker_id=None, started_at=None)
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
    parameters |= fenced(execution_id, worker_id, attempt)
    if outputs is None:
        return connection.execute(_FINISH, parameters).rowcount == 1
    parameters["new_outputs"] = outputs_text(outputs)
    return connection.execute(_FINISH_WITH_OUTPUTS, parameters).rowcount == 1


def attempt_again(
    connection: Connection,
    execution_id: str,
    worker_id: str,
    failure: Failure,
    *,
    attempt: int,
    at: datetime,
    delay: timedelta,
) -> bool:
    """Make an execution that this worker runs ``Pending`` again, its failed attempt on record.

    Return False if the worker no longer runs it, or if somebody asked for it to be cancelled: then
    it ends so.
    """
    mine = fenced(execution_id, worker_id, attempt)
    if _end_if_cancelled(connection, mine, at):
        return False
    started_at = connection.scalar(_STARTED_AT, mine)
    later = _WAIT_AGAIN.values(attempt=attempt + 1, not_before=to_us(at + delay))
    if connection.execute(later, mine).rowcount != 1:
        return False
    connection.execute(
        insert(attempts).values(
            execution_id=execution_id,
            attempt=attempt,
            started_at=started_at,
            ended_at=to_us(at),
            failure_kind=failure.kind.value,
            failure_message=failure.message,
        )
    )
    return True


def hand_back(
    connection: Connection, execution_id: str, worker_id: str, *, attempt: int, at: datetime
) -> bool:
    """Make an execution whose code has not started ``Pending`` again, as the same attempt.

    Return False if the worker no longer runs it, or if somebody asked for it to be cancelled: then
    it ends so.
    """
    mine = fenced(execution_id, worker_id, attempt)
    if _end_if_cancelled(connection, mine, at):
        return False
    return connection.execute(_WAIT_AGAIN, mine).rowcount == 1


def is_current(connection: Connection, execution_id: str, worker_id: str, *, attempt: int) -> bool:
    """Check whether a worker runs this attempt at an execution."""
    mine = fenced(execution_id, worker_id, attempt)
    return connection.scalar(_STARTED_AT, mine) is not None


def request_cancel(connection: Connection, execution_ids: list[str], at: datetime) -> None:
    """Ask whichever worker runs these to stop them."""
    connection.execute(
        update(executions)
        .where(executions.c.id.in_(execution_ids), executions.c.status == Status.RUNNING.value)
        .values(cancel_requested_at=to_us(at))
    )


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


def _end_if_cancelled(connection: Connection, mine: Mapping[str, Any], at: datetime) -> bool:
    """End an execution that somebody asked to cancel; return whether that was so."""
    result = connection.execute(
        update(executions)
        .where(RUNS, executions.c.cancel_requested_at.is_not(None))
        .values(end_values(CANCELLED, at)),
        mine,
    )
    return result.rowcount == 1
