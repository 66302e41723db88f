"""Rows of workers: who may run executions, and until when (:mod:`headrace.core.leases`)."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update

from headrace.store.moments import to_us
from headrace.store.tables import workers


def add_worker(
    connection: Connection, worker_id: str, *, started_at: datetime, expires_at: datetime
) -> None:
    """Insert a worker with its lease."""
    connection.execute(
        insert(workers).values(
            id=worker_id, started_at=to_us(started_at), expires_at=to_us(expires_at)
        )
    )


def renew_lease(connection: Connection, worker_id: str, expires_at: datetime) -> bool:
    """Prolong a worker's lease; False if somebody has taken it for dead."""
    result = connection.execute(
        update(workers).where(workers.c.id == worker_id).values(expires_at=to_us(expires_at))
    )
    return result.rowcount == 1


def remove_worker(connection: Connection, worker_id: str) -> None:
    """Delete a worker, which may run nothing from now on."""
    connection.execute(delete(workers).where(workers.c.id == worker_id))


def remove_expired(connection: Connection, now: datetime) -> int:
    """Delete the workers whose lease is over; return how many."""
    return connection.execute(delete(workers).where(workers.c.expires_at < to_us(now))).rowcount


def remove_others(connection: Connection, worker_id: str) -> int:
    """Delete all workers but one: on a data directory that only one server can have."""
    return connection.execute(delete(workers).where(workers.c.id != worker_id)).rowcount


def worker_ids(connection: Connection) -> list[str]:
    """Return the ids of the workers that may run executions."""
    return list(connection.scalars(select(workers.c.id)))
