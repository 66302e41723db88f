"""Leases: how several servers on one database tell which of them are gone.

The product has one server on a database, whose start knows that all others are gone. Stories of
several show that the fence and the ledger ask for no more than that somebody says so, rightly or
not. A lease decides only how soon: a worker that was taken for dead has no row any more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, exists, select, update

from headrace.control.transactions import workers
from headrace.control.transactions.workers import ABANDONED, NOT_AGAIN
from headrace.core.claims import Claim
from headrace.store import claims
from headrace.store import tables as t
from headrace.store.moments import to_us
from headrace.store.orphans import take_from_dead
from headrace.store.workers import add_worker


@dataclass(frozen=True, slots=True)
class Lease:
    """How long a worker may be silent before others take it for dead.

    Attributes:
        lasts_s: Seconds from a renewal to the end of the lease.
        renewed_every_s: Seconds between renewals.
    """

    lasts_s: float
    renewed_every_s: float

    def end_after(self, now: datetime) -> int:
        """Return when a lease that is renewed now ends, as the database has it."""
        return to_us(now + timedelta(seconds=self.lasts_s))


def enter(connection: Connection, worker_id: str, lease: Lease | None, at: datetime) -> None:
    """Add a worker, and take what ran under those that are gone."""
    if lease is None:
        workers.enter(connection, worker_id, at)
        return
    add_worker(connection, worker_id, at)
    renew(connection, worker_id, lease, at)


def renew(connection: Connection, worker_id: str, lease: Lease, at: datetime) -> list[str] | None:
    """Prolong a lease, and take what ran under those that are over.

    Return the ids of executions that it is asked to cancel; None if others took it for dead.
    """
    own = update(t.workers).where(t.workers.c.id == worker_id)
    if not connection.execute(own.values(expires_at=lease.end_after(at))).rowcount:
        return None
    connection.execute(delete(t.workers).where(t.workers.c.expires_at < to_us(at)))
    claims.release_queued(connection)
    take_from_dead(connection, ABANDONED, at, hint=NOT_AGAIN)
    rows = t.executions.c
    asked = select(rows.id).where(
        t.IS_RUNNING, rows.worker_id == worker_id, rows.cancel_requested_at.is_not(None)
    )
    return list(connection.scalars(asked))


def claim(connection: Connection, worker_id: str, limit: int, at: datetime) -> list[Claim]:
    """Take the oldest executions that may start, unless others took the worker for dead."""
    if not connection.scalar(select(exists().where(t.workers.c.id == worker_id))):
        return []
    return workers.claim(connection, worker_id, limit, at)
