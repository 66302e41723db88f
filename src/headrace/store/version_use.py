"""The latest executions of a pipeline by version: a bounded read, whatever there is on record."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from headrace.core.outcomes import FailureKind
from headrace.core.version_use import LOOKED_AT, Ended, VersionUses, uses_of
from headrace.store.moments import from_us
from headrace.store.tables import executions

_NEWEST = (
    select(
        executions.c.pipeline_version,
        executions.c.failure_kind,
        executions.c.created_at,
        executions.c.started_at,
        executions.c.ended_at,
    )
    .where(executions.c.pipeline_id == bindparam("pipeline_id"))
    .order_by(executions.c.id.desc())
    .limit(bindparam("most"))
)


def version_uses(
    connection: Connection, pipeline_id: str, *, looked_at: int = LOOKED_AT
) -> VersionUses:
    """Return what became of the newest executions of a pipeline, by version."""
    given = {"pipeline_id": pipeline_id, "most": looked_at + 1}
    rows = connection.execute(_NEWEST, given).all()
    seen = rows[:looked_at]
    ended = (
        Ended(
            row.pipeline_version,
            row.failure_kind is not None,
            None if row.started_at is None else (row.ended_at - row.started_at) / 1e6,
        )
        for row in seen
        if row.ended_at is not None and row.failure_kind != FailureKind.CANCELLED.value
    )
    since = from_us(min(row.created_at for row in seen)) if seen else None
    return VersionUses(len(seen), since, len(rows) <= looked_at, uses_of(ended))
