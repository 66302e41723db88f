"""What one transaction does for a worker: it enters, and claims."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from headrace.core.claims import Claim, Imported
from headrace.core.outcomes import Failure, FailureKind
from headrace.store import claims
from headrace.store import workers as rows
from headrace.store.orphans import Orphan, take_from_dead
from headrace.store.pipelines import pipeline_of

ABANDONED = Failure(
    FailureKind.WORKER_LOST, "The server stopped unexpectedly while this execution ran."
)
NOT_AGAIN = (
    "It was not started again, because its code may have had effects; run it again if that is safe."
)


def enter(connection: Connection, worker_id: str, at: datetime) -> list[Orphan]:
    """Add a worker, and take what ran under those that are gone; return it.

    Nobody else can be on this database, so that all others are gone.
    """
    rows.remove_others(connection, worker_id)
    rows.add_worker(connection, worker_id, at)
    claims.release_queued(connection)
    return take_from_dead(connection, ABANDONED, at, hint=NOT_AGAIN)


def leave(connection: Connection, worker_id: str, at: datetime) -> list[Orphan]:
    """Remove a worker, and take what ran under it; return it."""
    rows.remove_worker(connection, worker_id)
    return take_from_dead(connection, ABANDONED, at, hint=NOT_AGAIN)


def claim(
    connection: Connection,
    worker_id: str,
    limit: int,
    at: datetime,
    of_pods: Imported | None = None,
) -> list[Claim]:
    """Take the oldest executions that may start, for slots or for pods.

    Args:
        connection: A connection.
        worker_id: Who takes them.
        limit: How many at most.
        at: When, UTC.
        of_pods: What those pods have imported; None for slots.
    """
    if of_pods is None:
        claimed = claims.claim_pending(connection, worker_id, limit=limit, at=at)
    else:
        claimed = claims.claim_for_pods(connection, worker_id, of_pods, limit=limit, at=at)
    one_of_each = {(each.pipeline_id, each.pipeline_version): each for each in claimed}
    known = {which: pipeline_of(connection, each) for which, each in one_of_each.items()}
    # A row cannot outlive its pipeline (foreign key), so every claimed one has it.
    return [
        Claim(execution, pipeline, worker_id)
        for execution in claimed
        if (pipeline := known[execution.pipeline_id, execution.pipeline_version]) is not None
    ]
