"""Executions that wait, and the worker that takes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    Connection,
    Select,
    Text,
    and_,
    bindparam,
    exists,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.sql.elements import ColumnElement

from headrace.core.claims import Imported
from headrace.core.errors import HeadraceError
from headrace.core.executions import Execution, Status
from headrace.core.outcomes import Failure, FailureKind
from headrace.store.attempts import finish
from headrace.store.execution_row import execution_from
from headrace.store.moments import from_us, to_us
from headrace.store.recorded_values import attachments_from, attachments_text
from headrace.store.tables import (
    IS_ORPHAN,
    UNFINISHED,
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
_IS_READY: ColumnElement[bool] = and_(
    _IS_PENDING,
    # Otherwise it waits in the queue of a worker's pods already.
    executions.c.worker_id.is_(None),
    or_(executions.c.not_before.is_(None), executions.c.not_before <= bindparam("now")),
    ~_IS_HELD,
    ~IS_ORPHAN,
)
_CODE = (executions.c.deployment_id, executions.c.pipeline_version, executions.c.attachments)
_HAS_CODE = and_(
    executions.c.pipeline_version == bindparam("of_version"),
    executions.c.attachments.is_not_distinct_from(bindparam("attached", type_=Text)),
)
_ANY_PENDING = select(executions.c.id).where(_IS_PENDING).limit(1)
_IS_ELASTIC = and_(_IS_READY, executions.c.is_low_latency.is_(False))
_ANY_READY = select(executions.c.id).where(_IS_ELASTIC).limit(1)
_READY_FOR_PODS = (
    select(*_CODE, func.count())
    .where(_IS_READY, executions.c.is_low_latency, executions.c.deployment_id.is_not(None))
    .group_by(*_CODE)
)
_ANY_HELD = select(executions.c.id).where(_IS_PENDING, executions.c.waits).limit(1)
_NEXT_AT = select(func.min(executions.c.not_before)).where(
    _IS_PENDING, executions.c.not_before > bindparam("now")
)
_OLDEST_READY = (
    select(executions.c.id).where(_IS_ELASTIC).order_by(executions.c.id).limit(bindparam("most"))
)
_OLDEST_FOR_PODS = (
    select(executions.c.id)
    .where(
        _IS_READY,
        executions.c.is_low_latency,
        executions.c.deployment_id == bindparam("of_deployment"),
        _HAS_CODE,
    )
    .order_by(executions.c.id)
    .limit(bindparam("most"))
)
_GIVE_TO_SLOTS = (
    update(executions)
    .where(
        _IS_READY,
        executions.c.is_low_latency,
        executions.c.deployment_id == bindparam("of_deployment"),
        ~_HAS_CODE,
    )
    .values(is_low_latency=False)
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
    """Return the executions that wait for a worker, summed up."""
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


def claim_for_pods(
    connection: Connection,
    worker_id: str,
    pods: Imported,
    *,
    limit: int,
    at: datetime,
) -> list[Execution]:
    """Do as :func:`claim_pending` for those that wait for the pods of a deployment.

    Those of another version than that of the pods, or with other attachments, are left.
    """
    which = {"now": to_us(at), "most": limit, **_of(pods)}
    return _take(connection, worker_id, _OLDEST_FOR_PODS, which, at)


def pod_backlog(connection: Connection, now: datetime) -> dict[Imported, int]:
    """Return how many executions could start now in pods, by the code that they are to run."""
    rows = connection.execute(_READY_FOR_PODS, {"now": to_us(now)})
    return {Imported(row[0], row[1], attachments_from(row[2])): row[3] for row in rows}


def give_to_slots(connection: Connection, pods: Imported, now: datetime) -> None:
    """Have executions start in slots that wait for pods of a deployment which have other code.

    Args:
        connection: A connection.
        pods: What its pods have imported.
        now: Those that may start later are left as they are.
    """
    connection.execute(_GIVE_TO_SLOTS, {"now": to_us(now), **_of(pods)})


def next_pending_at(connection: Connection, now: datetime) -> datetime | None:
    """Return when the next one of those that wait for a time may start, or None."""
    earliest: int | None = connection.scalar(_NEXT_AT, {"now": to_us(now)})
    return from_us(earliest)


def _of(pods: Imported) -> dict[str, Any]:
    return {
        "of_deployment": pods.deployment_id,
        "of_version": pods.version,
        "attached": attachments_text(pods.attachments),
    }


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
            finish(
                connection,
                row.id,
                worker_id,
                attempt=row.attempt,
                outputs=None,
                failure=UNREADABLE,
                at=at,
            )
    return sorted(claimed, key=lambda execution: execution.id)


def release_queued(connection: Connection) -> None:
    """Release executions that waited in the queues of workers that are gone."""
    connection.execute(_RELEASE)
