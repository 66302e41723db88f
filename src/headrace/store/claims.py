"""Who runs what: executions taken by a worker, attempted again, or taken from a dead one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    and_,
    bindparam,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from headrace.core.errors import HeadraceError
from headrace.core.executions import Execution, Status
from headrace.core.outcomes import CANCELLED, Failure, FailureKind
from headrace.store.executions import end_values, execution_from
from headrace.store.moments import from_us, to_us
from headrace.store.tables import (
    IS_ORPHAN,
    UNFINISHED,
    attempts,
    executions,
    workers,
)

UNREADABLE = Failure(
    FailureKind.WORKER_LOST, "The record of this execution cannot be read, so it cannot start."
)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for a worker.

    Attributes:
        is_ready: Whether an execution could start now; if so, the others say nothing.
        is_held: Whether one waits for an earlier one of its deployment.
        next_at: When the next one of those that wait for a time may start, UTC; None if none does.
    """

    is_ready: bool = False
    is_held: bool = False
    next_at: datetime | None = None


_OTHER = executions.alias("other")
_IS_HELD = and_(
    executions.c.waits,
    exists().where(
        # With the words of the index of the unfinished: a deployment may have had millions.
        _OTHER.c.ended_at.is_(None),
        _OTHER.c.deployment_id == executions.c.deployment_id,
        # What runs is before it in any case: ids follow the clock, which may have been set back.
        or_(_OTHER.c.id < executions.c.id, _OTHER.c.status == Status.RUNNING.value),
    ),
)
_IS_PENDING = and_(UNFINISHED, executions.c.status == Status.PENDING.value)
IS_RUNNING = and_(UNFINISHED, executions.c.status == Status.RUNNING.value)
_IS_READY: ColumnElement[bool] = and_(
    _IS_PENDING,
    # Otherwise it waits in the queue of a worker's pods already.
    executions.c.worker_id.is_(None),
    or_(executions.c.not_before.is_(None), executions.c.not_before <= bindparam("now")),
    ~_IS_HELD,
    ~IS_ORPHAN,
)
_ANY_PENDING = select(executions.c.id).where(_IS_PENDING).limit(1)
_IS_ELASTIC = and_(_IS_READY, executions.c.is_warm.is_(False))
_ANY_READY = select(executions.c.id).where(_IS_ELASTIC).limit(1)
_WARM_READY = (
    select(executions.c.deployment_id, func.count())
    .where(_IS_READY, executions.c.is_warm)
    .group_by(executions.c.deployment_id)
)
_ANY_HELD = select(executions.c.id).where(_IS_PENDING, executions.c.waits).limit(1)
_NEXT_AT = select(func.min(executions.c.not_before)).where(
    _IS_PENDING, executions.c.not_before > bindparam("now")
)
_OLDEST_READY = (
    select(executions.c.id).where(_IS_ELASTIC).order_by(executions.c.id).limit(bindparam("most"))
)
_OLDEST_WARM = (
    select(executions.c.id)
    .where(
        _IS_READY, executions.c.is_warm, executions.c.deployment_id == bindparam("of_deployment")
    )
    .order_by(executions.c.id)
    .limit(bindparam("most"))
)
_TAKE = (
    update(executions)
    .where(
        executions.c.id.in_(bindparam("ids", expanding=True)),
        executions.c.status == Status.PENDING.value,
    )
    .values(
        status=Status.RUNNING.value,
        worker_id=bindparam("by_worker"),
        started_at=bindparam("at"),
        not_before=None,
    )
    .returning(executions)
)
_IS_MINE = and_(
    executions.c.id == bindparam("execution_id"),
    executions.c.status == Status.RUNNING.value,
    executions.c.worker_id == bindparam("of_worker"),
    executions.c.attempt == bindparam("of_attempt"),
)
_STARTED_AT = select(executions.c.started_at).where(_IS_MINE)

_RELEASE = (
    update(executions)
    .where(
        _IS_PENDING,
        executions.c.worker_id.is_not(None),
        executions.c.worker_id.not_in(select(workers.c.id)),
    )
    .values(worker_id=None)
)


def backlog(connection: Connection, now: datetime) -> Backlog:
    """Return what waits for a worker."""
    if connection.scalar(_ANY_PENDING) is None:
        return Backlog()
    at = {"now": to_us(now)}
    if connection.scalar(_ANY_READY, at) is not None:
        # The rest is not asked: it would read all that wait, at each end of an execution.
        return Backlog(is_ready=True)
    return Backlog(
        is_held=connection.scalar(_ANY_HELD) is not None,
        next_at=from_us(connection.scalar(_NEXT_AT, at)),
    )


def claim_pending(
    connection: Connection, worker_id: str, *, limit: int, at: datetime
) -> list[Execution]:
    """Make the oldest executions that may start ``Running`` under a worker, and return them.

    One whose row cannot be read ends, because otherwise nothing behind it would ever start.
    """
    return _take(connection, worker_id, _OLDEST_READY, {"now": to_us(at), "most": limit}, at)


def claim_warm(
    connection: Connection, worker_id: str, deployment_id: str, *, limit: int, at: datetime
) -> list[Execution]:
    """Do as :func:`claim_pending` for those that wait for the pods of a deployment."""
    which = {"now": to_us(at), "most": limit, "of_deployment": deployment_id}
    return _take(connection, worker_id, _OLDEST_WARM, which, at)


def warm_backlog(connection: Connection, now: datetime) -> dict[str, int]:
    """Return how many executions could start now in pods, by the deployment's id."""
    rows = connection.execute(_WARM_READY, {"now": to_us(now)})
    return {row[0]: row[1] for row in rows if row[0] is not None}


def next_pending_at(connection: Connection, now: datetime) -> datetime | None:
    """Return when the next one of those that wait for a time may start, or None."""
    earliest: int | None = connection.scalar(_NEXT_AT, {"now": to_us(now)})
    return from_us(earliest)


def _take(
    connection: Connection,
    worker_id: str,
    which: Select[tuple[str]],
    parameters: Mapping[str, Any],
    at: datetime,
) -> list[Execution]:
    oldest = connection.scalars(which, parameters).all()
    if not oldest:
        return []
    taken = {"ids": oldest, "by_worker": worker_id, "at": to_us(at)}
    rows = connection.execute(_TAKE, taken).all()
    claimed = []
    for row in rows:
        try:
            claimed.append(execution_from(row))
        except (HeadraceError, LookupError, TypeError, ValueError):
            end_attempt(
                connection, row.id, worker_id, attempt=row.attempt, failure=UNREADABLE, at=at
            )
    return sorted(claimed, key=lambda execution: execution.id)


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
    mine = _mine(execution_id, worker_id, attempt)
    if _end_if_cancelled(connection, mine, at):
        return False
    started_at = connection.scalar(_STARTED_AT, mine)
    result = connection.execute(
        update(executions)
        .where(_IS_MINE)
        .values(
            status=Status.PENDING.value,
            attempt=attempt + 1,
            worker_id=None,
            started_at=None,
            not_before=to_us(at + delay),
        ),
        mine,
    )
    if result.rowcount != 1:
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
    mine = _mine(execution_id, worker_id, attempt)
    if _end_if_cancelled(connection, mine, at):
        return False
    result = connection.execute(
        update(executions)
        .where(_IS_MINE)
        .values(status=Status.PENDING.value, worker_id=None, started_at=None),
        mine,
    )
    return result.rowcount == 1


def end_attempt(
    connection: Connection,
    execution_id: str,
    worker_id: str,
    *,
    attempt: int,
    failure: Failure,
    at: datetime,
) -> None:
    """End an execution that this worker runs, without outputs."""
    connection.execute(
        update(executions).where(_IS_MINE).values(end_values(failure, at)),
        _mine(execution_id, worker_id, attempt),
    )


def is_current(connection: Connection, execution_id: str, worker_id: str, *, attempt: int) -> bool:
    """Tell whether a worker runs this attempt at an execution."""
    mine = _mine(execution_id, worker_id, attempt)
    return connection.scalar(_STARTED_AT, mine) is not None


def release_queued(connection: Connection) -> None:
    """Let executions be taken again that waited in the queues of workers that are gone."""
    connection.execute(_RELEASE)


def request_cancel(connection: Connection, execution_ids: list[str], at: datetime) -> None:
    """Ask whichever worker runs these to stop them."""
    connection.execute(
        update(executions)
        .where(executions.c.id.in_(execution_ids), executions.c.status == Status.RUNNING.value)
        .values(cancel_requested_at=to_us(at))
    )


def cancel_requests(connection: Connection, worker_id: str) -> list[str]:
    """Return the ids of those that this worker runs and is asked to stop."""
    return list(
        connection.scalars(
            select(executions.c.id).where(
                IS_RUNNING,
                executions.c.worker_id == worker_id,
                executions.c.cancel_requested_at.is_not(None),
            )
        )
    )


def _mine(execution_id: str, worker_id: str, attempt: int) -> dict[str, Any]:
    return {"execution_id": execution_id, "of_worker": worker_id, "of_attempt": attempt}


def _end_if_cancelled(connection: Connection, mine: Mapping[str, Any], at: datetime) -> bool:
    """End an execution that somebody asked to cancel; return whether that was so."""
    result = connection.execute(
        update(executions)
        .where(_IS_MINE, executions.c.cancel_requested_at.is_not(None))
        .values(end_values(CANCELLED, at)),
        mine,
    )
    return result.rowcount == 1
