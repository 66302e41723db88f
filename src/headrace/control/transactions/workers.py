"""What one transaction does for a worker: it enters, renews its lease, and claims."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from headrace.core.claims import Claim
from headrace.core.leases import Lease
from headrace.core.outcomes import Failure, FailureKind
from headrace.store import attempts, claims
from headrace.store import workers as rows
from headrace.store.orphans import Orphan, take_from_dead
from headrace.store.pipelines import pipeline_of

ABANDONED = Failure(
    FailureKind.WORKER_LOST, "The server stopped unexpectedly while this execution ran."
)
NOT_AGAIN = (
    "It was not started again, because its code may have had effects; run it again if that is safe."
)


@dataclass(frozen=True, slots=True)
class Beat:
    """What a worker learns when it renews its lease.

    Attributes:
        to_cancel: Ids of executions that it runs and is asked to cancel.
        orphans: What ran under workers that are gone.
    """

    to_cancel: list[str]
    orphans: list[Orphan]


def enter(
    connection: Connection, worker_id: str, lease: Lease | None, at: datetime
) -> list[Orphan]:
    """Add a worker, and take what ran under those that are gone; return it.

    Without a lease nobody else can be on this database, so that all others are gone.
    """
    if lease is None:
        rows.remove_others(connection, worker_id)
    else:
        rows.remove_expired(connection, at)
    expires_at = (lease or Lease()).end_after(at)
    rows.add_worker(connection, worker_id, started_at=at, expires_at=expires_at)
    claims.release_queued(connection)
    return take_from_dead(connection, ABANDONED, at, hint=NOT_AGAIN)


def renew(connection: Connection, worker_id: str, lease: Lease, at: datetime) -> Beat | None:
    """Prolong the lease of a worker; return None if others took it for dead."""
    if not rows.renew_lease(connection, worker_id, lease.end_after(at)):
        return None
    rows.remove_expired(connection, at)
    claims.release_queued(connection)
    orphans = take_from_dead(connection, ABANDONED, at, hint=NOT_AGAIN)
    return Beat(attempts.cancel_requests(connection, worker_id), orphans)


def claim(
    connection: Connection,
    worker_id: str,
    limit: int,
    at: datetime,
    *,
    is_fenced: bool,
    deployment_id: str | None = None,
) -> list[Claim]:
    """Take the oldest executions that may start: for slots, or for the pods of a deployment."""
    if is_fenced and worker_id not in rows.worker_ids(connection):
        # What it claimed now, others would take from it.
        return []
    if deployment_id is None:
        claimed = claims.claim_pending(connection, worker_id, limit=limit, at=at)
    else:
        claimed = claims.claim_for_pods(connection, worker_id, deployment_id, limit=limit, at=at)
    one_of_each = {(each.pipeline_id, each.pipeline_version): each for each in claimed}
    known = {which: pipeline_of(connection, each) for which, each in one_of_each.items()}
    # A row cannot outlive its pipeline (foreign key), so every claimed one has it.
    return [
        Claim(execution, pipeline, worker_id)
        for execution in claimed
        if (pipeline := known[execution.pipeline_id, execution.pipeline_version]) is not None
    ]
