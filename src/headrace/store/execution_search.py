"""Searches among executions: pages in both directions, each with a bound on its work.

A search with a condition that no index answers compares row by row. It looks at :data:`LOOKED_AT`
rows and no more, and says where it stopped, so that the next one goes on there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, select

from headrace.core.execution_filters import ExecutionFilter, ExecutionPage
from headrace.core.executions import Status
from headrace.store.execution_conditions import compared, indexed, last_of
from headrace.store.execution_row import SUMMARY, summary_from
from headrace.store.tables import OF_DELETED, executions

LOOKED_AT = 10_000
"""How many rows a search looks at that compares them one by one."""

_ID = executions.c.id


def search(
    connection: Connection,
    wanted: ExecutionFilter,
    *,
    limit: int,
    before: str | None = None,
    after: str | None = None,
) -> ExecutionPage:
    """Return executions, newest first.

    Args:
        connection: A connection.
        wanted: Which ones.
        limit: How many at most; fewer where the search stopped before.
        before: Only those older than this id, the newest of them.
        after: Only those newer than this id, the oldest of them.
    """
    if wanted.is_impossible:
        return ExecutionPage((), None, None)
    is_back = after is not None
    pieces = [
        _piece(connection, wanted, status, limit + 1, before, after)
        for status in wanted.wanted_statuses or (None,)
    ]
    stops = [stop for _, stop in pieces if stop is not None]
    stop = None if not stops else min(stops) if is_back else max(stops)
    found = sorted(
        (row for rows, _ in pieces for row in rows if _is_reached(row.id, stop, is_back=is_back)),
        key=lambda row: row.id,
        reverse=not is_back,
    )
    shown = found[:limit]
    # What comes next in the direction of the search: after what is shown, or after what was seen.
    onward = shown[-1].id if len(found) > limit else stop
    backward = (shown[0].id if shown else before or after) if before or after else None
    older, newer = (backward, onward) if is_back else (onward, backward)
    in_order = reversed(shown) if is_back else shown
    return ExecutionPage([summary_from(row) for row in in_order], older, newer)


def latest_id(connection: Connection, wanted: ExecutionFilter) -> str | None:
    """Return the id of the newest execution that fits, or None."""
    found = search(connection, wanted, limit=1).executions
    return found[0].id if found else None


def _piece(
    connection: Connection,
    wanted: ExecutionFilter,
    status: Status | None,
    limit: int,
    before: str | None,
    after: str | None,
) -> tuple[Sequence[Row[Any]], str | None]:
    """Return what fits of a status, and the last id that was looked at if that is not the end."""
    is_back = after is not None
    order = _ID.asc() if is_back else _ID.desc()
    base = indexed(wanted, status)
    if before is not None:
        base.append(before > _ID)
    if after is not None:
        base.append(after < _ID)
    conditions = compared(wanted, status)
    stop = last_of(connection, base, order, most=LOOKED_AT) if conditions else None
    if stop is not None:
        base.append(stop >= _ID if is_back else stop <= _ID)
    query = select(*SUMMARY).where(*base, *conditions, ~OF_DELETED).order_by(order).limit(limit)
    return connection.execute(query).all(), stop


def _is_reached(execution_id: str, stop: str | None, *, is_back: bool) -> bool:
    if stop is None:
        return True
    return execution_id <= stop if is_back else execution_id >= stop
