"""Rows of the calls that pods answer: written in bulk, most of them once, at their end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, and_, bindparam, select, update

from headrace.core.executions import Execution
from headrace.store.executions import add_all, outputs_text
from headrace.store.moments import to_us
from headrace.store.tables import UNFINISHED, deployments, executions, pipelines

_DEPLOYMENTS = select(deployments.c.id).where(
    deployments.c.id.in_(bindparam("ids", expanding=True))
)
_PIPELINES = select(pipelines.c.id).where(pipelines.c.id.in_(bindparam("ids", expanding=True)))
_END = (
    update(executions)
    .where(
        and_(
            executions.c.id == bindparam("of_execution"),
            executions.c.worker_id == bindparam("of_worker"),
            # Pending or running: it may not have been recorded that it runs.
            UNFINISHED,
        )
    )
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in (
                "status",
                "started_at",
                "ended_at",
                "outputs",
                "failure_kind",
                "failure_message",
            )
        }
    )
)


def record(
    connection: Connection,
    worker_id: str,
    *,
    begun: Sequence[Execution],
    new: Sequence[Execution],
    known: Sequence[Execution],
) -> set[str]:
    """Record calls of a worker; return the ids of those that nothing can be recorded of.

    These are the calls of pipelines that were deleted meanwhile.

    Args:
        connection: A connection that writes.
        worker_id: The worker that has them made.
        begun: Those that have not ended, and have no row.
        new: Those that have ended, and have no row.
        known: Those that have ended, and have one.
    """
    kept, lost = _without_orphans(connection, [*begun, *new])
    add_all(connection, kept, worker_id)
    if known:
        connection.execute(_END, [_end(execution, worker_id) for execution in known])
    return lost


def _without_orphans(
    connection: Connection, found: Sequence[Execution]
) -> tuple[list[Execution], set[str]]:
    """Return those that can have a row, without the deployments that are gone; and the others."""
    if not found:
        return [], set()
    homes = set(
        connection.scalars(_DEPLOYMENTS, {"ids": list({item.deployment_id for item in found})})
    )
    kinds = set(connection.scalars(_PIPELINES, {"ids": list({item.pipeline_id for item in found})}))
    kept = [
        item if item.deployment_id in homes else replace(item, deployment_id=None)
        for item in found
        if item.pipeline_id in kinds
    ]
    return kept, {item.id for item in found if item.pipeline_id not in kinds}


def _end(execution: Execution, worker_id: str) -> dict[str, object]:
    failure = execution.failure
    return {
        "of_execution": execution.id,
        "of_worker": worker_id,
        "new_status": execution.status.value,
        "new_started_at": to_us(execution.started_at),
        "new_ended_at": to_us(execution.ended_at),
        "new_outputs": outputs_text(execution.outputs),
        "new_failure_kind": failure and failure.kind.value,
        "new_failure_message": failure and failure.message,
    }
