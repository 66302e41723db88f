"""Rows of the calls that pods answer: written in bulk, most of them once, at their end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import chain

from sqlalchemy import Connection, select

from headrace.store.errors import Refused
from headrace.store.execution_row import COLUMNS, Row, is_end
from headrace.store.fence import FOLLOWS
from headrace.store.tables import deployments, pipelines

MAX_ROWS = 100
"""Rows of one statement. A statement for many rows takes the interpreter's lock once, and not once
for each row, so that the event loop need not give it up as often."""

_SIZES = (MAX_ROWS, 25, 5, 1)
"""Rows that a statement may have. Another size would be another statement to prepare, which takes
as long as to run it, and to keep in memory."""

_DEPLOYMENT_ID = COLUMNS.index("deployment_id")
_PIPELINE_ID = COLUMNS.index("pipeline_id")
_CHANGES = ("status", "started_at", "ended_at", "outputs", "failure_kind", "failure_message")


def record(connection: Connection, rows: Iterable[Row]) -> set[str]:
    """Record calls as they are; return the ids of those that nothing can be recorded of.

    These are the calls of pipelines that were deleted meanwhile. A call that has a row already has
    it changed, unless it has ended: what was committed before may be recorded again.

    Args:
        connection: A connection that writes.
        rows: Their rows; of several of one call the last one counts, unless one before is its end.
    """
    by_id: dict[str, Row] = {}
    for row in rows:
        known = by_id.get(row[0])
        if known is None or not is_end(known):
            by_id[row[0]] = row
    newest = list(by_id.values())
    try:
        # A database may give up all of a transaction for one statement that fails.
        with connection.begin_nested():
            _put(connection, newest)
    except Refused:
        return _put_all_but_orphans(connection, newest)
    return set()


def _put_all_but_orphans(connection: Connection, rows: Sequence[Row]) -> set[str]:
    """Put rows that can be; return the ids of the others."""
    lost: set[str] = set()
    for start in range(0, len(rows), MAX_ROWS):
        kept, gone = _without_orphans(connection, rows[start : start + MAX_ROWS])
        lost |= gone
        _put(connection, kept)
    return lost


def _put(connection: Connection, rows: Sequence[Row]) -> None:
    start = 0
    for size in _SIZES:
        while len(rows) - start >= size:
            part = rows[start : start + size]
            statement = _statement(size, "?" if connection.dialect.positional else "%s")
            connection.exec_driver_sql(statement, tuple(chain.from_iterable(part)))
            start += size


@lru_cache(maxsize=2 * len(_SIZES))
def _statement(count: int, mark: str) -> str:
    marks = f"({', '.join([mark] * len(COLUMNS))})"
    changes = ", ".join(f"{name} = excluded.{name}" for name in _CHANGES)
    return (
        f"INSERT INTO executions ({', '.join(COLUMNS)}) VALUES {', '.join([marks] * count)} "  # noqa: S608 - names of columns alone
        f"ON CONFLICT (id) DO UPDATE SET {changes} WHERE {FOLLOWS}"
    )


def _without_orphans(connection: Connection, rows: Sequence[Row]) -> tuple[list[Row], set[str]]:
    """Return the rows without deployments that are gone, and the ids of those without pipeline."""
    homes = set(
        connection.scalars(
            select(deployments.c.id).where(
                deployments.c.id.in_({row[_DEPLOYMENT_ID] for row in rows})
            )
        )
    )
    kinds = set(
        connection.scalars(
            select(pipelines.c.id).where(pipelines.c.id.in_({row[_PIPELINE_ID] for row in rows}))
        )
    )
    kept = [
        row
        if row[_DEPLOYMENT_ID] in homes
        else (*row[:_DEPLOYMENT_ID], None, *row[_DEPLOYMENT_ID + 1 :])
        for row in rows
        if row[_PIPELINE_ID] in kinds
    ]
    return kept, {row[0] for row in rows if row[_PIPELINE_ID] not in kinds}
