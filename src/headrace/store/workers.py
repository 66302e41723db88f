"""Rows of workers: who may run executions."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, delete, insert

from headrace.store.moments import to_us
from headrace.store.tables import workers


def add_worker(connection: Connection, worker_id: str, started_at: datetime) -> None:
    """Insert a worker."""
    at = to_us(started_at)
    # The column is of a time when workers had leases, and no row may be without it.
    connection.execute(insert(workers).values(id=worker_id, started_at=at, expires_at=at))


def remove_worker(connection: Connection, worker_id: str) -> None:
    """Delete a worker, which may run nothing from now on."""
    connection.execute(delete(workers).where(workers.c.id == worker_id))


def remove_others(connection: Connection, worker_id: str) -> None:
    """Delete all workers but one: on a data directory that only one server can have."""
    connection.execute(delete(workers).where(workers.c.id != worker_id))
