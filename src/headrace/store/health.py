"""Health: the latest ends of the executions of many deployments or pipelines at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, Select, Table, bindparam, func, select

from headrace.core.executions import Status
from headrace.core.health import RECENT, Ending, Health
from headrace.core.outcomes import Failure, FailureKind
from headrace.store.moments import from_us
from headrace.store.tables import deployments, executions, pipelines

_LOOKED_AT = 1000
"""How many of the newest rows are looked at: those that wait are among them, without a bound."""


_ENDING = (
    executions.c.id,
    executions.c.status,
    executions.c.failure_kind,
    executions.c.failure_message,
    executions.c.ended_at,
)


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
        select(table.c.id.label("whose"), *_ENDING)
        .select_from(table)
        .join(executions, executions.c.id.in_(ended))
        .where(table.c.id.in_(bindparam("ids", expanding=True)))
        .order_by(table.c.id, executions.c.id.desc())
    )


def _newest(table: Table, column: str) -> Select[Any]:
    """Return the query of the newest executions of some deployments or pipelines, ended or not.

    Where the newest ones begin is found in the index alone, so that each row is read once.
    """
    rows = executions.alias("newest")
    first = (
        select(rows.c.id)
        .where(rows.c[column] == table.c.id)
        .order_by(rows.c.id.desc())
        .limit(1)
        .offset(bindparam("before_it"))
        .correlate(table)
        .scalar_subquery()
    )
    return (
        select(table.c.id.label("whose"), *_ENDING)
        .select_from(table)
        .join(executions, executions.c[column] == table.c.id)
        .where(
            table.c.id.in_(bindparam("ids", expanding=True)),
            executions.c.id >= func.coalesce(first, ""),
        )
        .order_by(table.c.id, executions.c.id.desc())
    )


_OF = {
    False: (_newest(deployments, "deployment_id"), _latest_ends(deployments, "deployment_id")),
    True: (_newest(pipelines, "pipeline_id"), _latest_ends(pipelines, "pipeline_id")),
}
"""The queries of deployments and, under True, of pipelines."""


def endings_of(
    connection: Connection, ids: Sequence[str], *, limit: int, of_pipelines: bool = False
) -> dict[str, list[Ending]]:
    """Return the latest ends of deployments or of pipelines, by id, newest first.

    Cancelled ones are left out.

    Args:
        connection: A connection.
        ids: Of deployments, or of pipelines.
        limit: How many of each at most.
        of_pipelines: Whether the ids are those of pipelines.
    """
    newest, latest = _OF[of_pipelines]
    found: dict[str, list[Ending]] = {each: [] for each in ids}
    if not found:
        return found
    # Mostly the newest ones have ended; only where some have not, those before are looked for.
    others = set()
    for row in connection.execute(newest, {"ids": list(found), "before_it": limit - 1}):
        if row.ended_at is None or row.failure_kind == FailureKind.CANCELLED.value:
            others.add(row.whose)
        else:
            found[row.whose].append(_ending(row))
    if others:
        found |= {whose: [] for whose in others}
        for row in connection.execute(latest, {"ids": list(others), "most": 3 * limit}):
            if row.failure_kind != FailureKind.CANCELLED.value:
                found[row.whose].append(_ending(row))
    return {whose: endings[:limit] for whose, endings in found.items()}


def health_of(
    connection: Connection, ids: Sequence[str], *, of_pipelines: bool = False
) -> dict[str, Health]:
    """Return the health of deployments or of pipelines, by id."""
    found = endings_of(connection, ids, limit=RECENT, of_pipelines=of_pipelines)
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
