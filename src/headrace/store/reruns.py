"""Which executions were repeated, and by which: the newest rerun of each."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from headrace.store.tables import reruns
from headrace.store.upserts import put

_NEWEST = select(reruns.c.rerun_id).where(reruns.c.execution_id == bindparam("of_execution"))


def rerun_of(connection: Connection, execution_id: str) -> str | None:
    """Return the id of the newest execution that repeats one, or None; it may be gone by now."""
    rerun: str | None = connection.scalar(_NEWEST, {"of_execution": execution_id})
    return rerun


def put_rerun(connection: Connection, execution_id: str, rerun_id: str) -> None:
    """Record the newest execution that repeats one."""
    put(connection, reruns, {"execution_id": execution_id}, {"rerun_id": rerun_id})
