"""Which executions were repeated, and by which: the newest rerun of each."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select

from headrace.store.tables import reruns
from headrace.store.upserts import put

_NEWEST = select(reruns.c.rerun_id).where(reruns.c.execution_id == bindparam("of_execution"))
_NEWEST_OF = select(reruns).where(reruns.c.execution_id.in_(bindparam("ids", expanding=True)))
_AT_ONCE = 200


def rerun_of(connection: Connection, execution_id: str) -> str | None:
    """Return the id of the newest execution that repeats one, or None; it may be gone by now."""
    rerun: str | None = connection.scalar(_NEWEST, {"of_execution": execution_id})
    return rerun


def reruns_of(connection: Connection, ids: Sequence[str]) -> dict[str, str]:
    """Return the id of the newest execution that repeats each of some, by the id of that."""
    found: dict[str, str] = {}
    for begin in range(0, len(ids), _AT_ONCE):
        rows = connection.execute(_NEWEST_OF, {"ids": ids[begin : begin + _AT_ONCE]})
        found |= {row.execution_id: row.rerun_id for row in rows}
    return found


def put_rerun(connection: Connection, execution_id: str, rerun_id: str) -> None:
    """Record the newest execution that repeats one."""
    put(connection, reruns, {"execution_id": execution_id}, {"rerun_id": rerun_id})
