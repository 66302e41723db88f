"""How the latest executions of deployments and of pipelines ended, for many of them at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, bindparam, select

from headrace.core.executions import Status
from headrace.core.health import RECENT, Ending, Health
from headrace.core.outcomes import Failure, FailureKind
from headrace.store.moments import from_us
from headrace.store.tables import deployments, executions, pipelines

_LOOKED_AT = 1000
"""How many of the newest rows are looked at: those that wait are among them, without a bound."""


def _latest_ends(table: Table, column: str) -> Select[Any]:
    """Return the query of the latest ends of some deployments or pipelines.

    The inner queries are bounded reads of the index of ``column``, one for each of them.
    """
    rows = executions.alias("newest")
    newest = (
        select(rows.c.id, rows.c.ended_at)
        .where(rows.c[column] == table.c.id)
        .order_by(rows.c.id.desc())
        .limit(_LOOKED_AT)
        .correlate(table)
        .subquery("looked_at")
    )
    ended = (
        select(newest.c.id)
        .where(newest.c.ended_at.is_not(None))
        .order_by(newest.c.id.desc())
        .limit(bindparam("most"))
    )
    return (
        select(
            table.c.id.label("whose"),
            executions.c.id,
            executions.c.status,
            executions.c.failure_kind,
            executions.c.failure_message,
            executions.c.ended_at,
        )
        .select_from(table)
        .join(executions, executions.c.id.in_(ended))
        .where(table.c.id.in_(bindparam("ids", expanding=True)))
        .order_by(table.c.id, executions.c.id.desc())
    )


_OF_DEPLOYMENTS = _latest_ends(deployments, "deployment_id")
_OF_PIPELINES = _latest_ends(pipelines, "pipeline_id")


def endings_of(
    connection: Connection, ids: Sequence[str], *, limit: int, of_pipelines: bool = False
) -> dict[str, list[Ending]]:
    """Return the latest ends of deployments or of pipelines, by id, newest first.

    Args:
        connection: A connection.
        ids: Of deployments, or of pipelines.
        limit: How many of each at most.
        of_pipelines: Whether the ids are those of pipelines.
    """
    found: dict[str, list[Ending]] = {each: [] for each in ids}
    if found:
        query = _OF_PIPELINES if of_pipelines else _OF_DEPLOYMENTS
        for row in connection.execute(query, {"ids": list(found), "most": limit}):
            found[row.whose].append(_ending(row))
    return found


def health_of(
    connection: Connection, ids: Sequence[str], *, of_pipelines: bool = False
) -> dict[str, Health]:
    """Return the health of deployments or of pipelines, by id."""
    # Some may have been cancelled, which does not count.
    found = endings_of(connection, ids, limit=3 * RECENT, of_pipelines=of_pipelines)
    return {each: Health.of(endings) for each, endings in found.items()}


def _ending(row: Row[Any]) -> Ending:
    return Ending(
        row.id,
        Status(row.status),
        None
        if row.failure_kind is None
        else Failure(FailureKind(row.failure_kind), row.failure_message or ""),
        from_us(row.ended_at),
    )
