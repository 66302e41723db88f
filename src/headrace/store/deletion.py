"""Pipelines and deployments that were deleted: gone for everybody at once, their rows in batches.

The row of one that was deleted stays, under a name that nobody can give, until nothing refers to it
any more. So it is known after a crash what is left to do, and its name is free.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Connection, bindparam, delete, exists, select, update

from headrace.core.executions import Status
from headrace.core.outcomes import Failure
from headrace.store.execution_row import end_values
from headrace.store.moments import to_us
from headrace.store.tables import (
    UNFINISHED,
    deployments,
    executions,
    idempotency_keys,
    pipelines,
    schedules,
)


class Kind(StrEnum):
    """What was deleted."""

    PIPELINE = "pipeline"
    DEPLOYMENT = "deployment"


@dataclass(frozen=True, slots=True)
class Deleted:
    """Something that was deleted, and whose rows are not all gone."""

    kind: Kind
    id: str


_OF = {
    Kind.PIPELINE: executions.c.pipeline_id == bindparam("of_id"),
    Kind.DEPLOYMENT: executions.c.deployment_id == bindparam("of_id"),
}
# By the index of the unfinished, because those of a pipeline may be millions.
_RUNNING = {
    kind: select(executions.c.id).where(
        UNFINISHED, executions.c.status == Status.RUNNING.value, _OF[kind]
    )
    for kind in Kind
}
_IS_HELD = UNFINISHED & executions.c.worker_id.is_not(None)
_NEWEST = (
    select(executions.c.id)
    .where(_OF[Kind.PIPELINE], ~_IS_HELD)
    .order_by(executions.c.id.desc())
    .limit(bindparam("most"))
)
_WAITING = (
    select(executions.c.id)
    .where(
        UNFINISHED,
        _OF[Kind.DEPLOYMENT],
        executions.c.status == Status.PENDING.value,
        executions.c.worker_id.is_(None),
    )
    .limit(bindparam("most"))
)
_ANY = {kind: select(executions.c.id).where(_OF[kind]).limit(1) for kind in Kind}
_ANY_UNFINISHED = _ANY[Kind.DEPLOYMENT].where(UNFINISHED)
# One question for both, built once: every run that is accepted asks it.
_KEPT = select(pipelines.c.id).where(
    pipelines.c.id == bindparam("pipeline_id"), pipelines.c.deleted_at.is_(None)
)
_KEPT_WITH_DEPLOYMENT = _KEPT.where(
    exists().where(
        deployments.c.id == bindparam("deployment_id"), deployments.c.deleted_at.is_(None)
    )
)


def mark_pipeline(connection: Connection, pipeline_id: str, at: datetime) -> None:
    """Mark a pipeline as gone for everybody; its deployments are to be marked as well."""
    connection.execute(
        update(pipelines)
        .where(pipelines.c.id == pipeline_id)
        .values(name=_grave(pipeline_id), deleted_at=to_us(at))
    )


def mark_deployment(connection: Connection, deployment_id: str, at: datetime) -> None:
    """Mark a deployment as gone for everybody; it fires no more."""
    connection.execute(delete(schedules).where(schedules.c.deployment_id == deployment_id))
    connection.execute(
        update(deployments)
        .where(deployments.c.id == deployment_id)
        .values(name=_grave(deployment_id), is_enabled=False, deleted_at=to_us(at))
    )
    connection.execute(
        update(deployments)
        .where(deployments.c.id == deployment_id, deployments.c.url_path.is_not(None))
        .values(url_path=_grave(deployment_id))
    )


def all_deleted(connection: Connection) -> list[Deleted]:
    """Return the deleted things that are not wholly gone; a pipeline stands for its deployments."""
    found = [
        Deleted(Kind.PIPELINE, row.id)
        for row in connection.execute(
            select(pipelines.c.id).where(pipelines.c.deleted_at.is_not(None))
        )
    ]
    of_these = {deleted.id for deleted in found}
    rows = connection.execute(
        select(deployments.c.id, deployments.c.pipeline_id).where(
            deployments.c.deleted_at.is_not(None)
        )
    )
    return found + [
        Deleted(Kind.DEPLOYMENT, row.id) for row in rows if row.pipeline_id not in of_these
    ]


def is_deleted(connection: Connection, pipeline_id: str, deployment_id: str | None) -> bool:
    """Check whether a pipeline, or the deployment of it, is gone for everybody."""
    kept = _KEPT if deployment_id is None else _KEPT_WITH_DEPLOYMENT
    of_ids = {"pipeline_id": pipeline_id, "deployment_id": deployment_id}
    return connection.scalar(kept, of_ids) is None


def running_of(connection: Connection, deleted: Deleted) -> list[str]:
    """Return the ids of the executions of something deleted that run."""
    return list(connection.scalars(_RUNNING[deleted.kind], {"of_id": deleted.id}))


def remove_some(connection: Connection, pipeline_id: str, *, limit: int) -> list[str]:
    """Delete some executions of a pipeline, the newest first, and return their ids.

    Those that a worker holds stay until they have ended.
    """
    ids = list(connection.scalars(_NEWEST, {"of_id": pipeline_id, "most": limit}))
    if ids:
        connection.execute(delete(executions).where(executions.c.id.in_(ids)))
    return ids


def end_some(
    connection: Connection, deployment_id: str, failure: Failure, at: datetime, *, limit: int
) -> list[str]:
    """End some executions of a deployment that wait for a worker, and return their ids."""
    ids = list(connection.scalars(_WAITING, {"of_id": deployment_id, "most": limit}))
    if ids:
        connection.execute(
            update(executions).where(executions.c.id.in_(ids)).values(end_values(failure, at))
        )
    return ids


def part_with_some(connection: Connection, deployment_id: str, *, limit: int) -> int:
    """Part some executions from a deployment, and forget some of its keys."""
    some = select(executions.c.id).where(executions.c.deployment_id == deployment_id).limit(limit)
    parted = connection.execute(
        update(executions).where(executions.c.id.in_(some)).values(deployment_id=None)
    )
    keys = idempotency_keys.c
    oldest = select(keys.key).where(keys.deployment_id == deployment_id).limit(limit)
    forgotten = connection.execute(
        delete(idempotency_keys).where(keys.deployment_id == deployment_id, keys.key.in_(oldest))
    )
    return parted.rowcount + forgotten.rowcount


def bury(connection: Connection, deleted: Deleted) -> bool:
    """Delete the row of something deleted; False if an execution of it is left."""
    left = _ANY[Kind.PIPELINE] if deleted.kind is Kind.PIPELINE else _ANY_UNFINISHED
    if connection.scalar(left, {"of_id": deleted.id}) is not None:
        return False
    if deleted.kind is Kind.PIPELINE:
        connection.execute(delete(deployments).where(deployments.c.pipeline_id == deleted.id))
    table = pipelines if deleted.kind is Kind.PIPELINE else deployments
    connection.execute(delete(table).where(table.c.id == deleted.id))
    return True


def _grave(identity: str) -> str:
    """Return a name that no rule for names allows."""
    return f"deleted:{identity}"
