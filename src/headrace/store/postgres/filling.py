"""Fill a database of PostgreSQL with the rows of another database, all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Connection, Table, exists, select

from headrace.core.errors import Conflict, Unavailable
from headrace.store.postgres.connections import ITS_SIGN, NUL, connected
from headrace.store.postgres.marks import MARK_KEY
from headrace.store.postgres.place import DatabasePlace
from headrace.store.tables import metadata, settings

ROWS_AT_ONCE = 2000
"""Rows that are read together."""

Say = Callable[[str, int], None]
"""Hears the name of a table that is there, and how many rows it has."""


def fill(place: DatabasePlace, source: Connection, say: Say) -> None:
    """Copy all rows to a database, compare both, and commit only then.

    A database that has exactly these rows already is left as it is: an attempt before had ended
    with nobody to tell.

    Args:
        place: The database, of the present schema, which the caller holds.
        source: A connection to the other one, of the present schema; nobody writes to it.
        say: Hears of each table.

    Raises:
        Conflict: The database has other rows.
        Unavailable: It cannot be used, or what was read from it is not what was written to it.
    """
    with connected(place) as target:
        for bound in ("statement_timeout", "idle_in_transaction_session_timeout"):
            target.exec_driver_sql(f"SET {bound} = 0")
        target.exec_driver_sql("BEGIN")
        is_empty = not any(_has_rows(target, table) for table in metadata.sorted_tables)
        if is_empty:
            for table in metadata.sorted_tables:
                _copy(target, table, source)
        for table in metadata.sorted_tables:
            say(table.name, _compared(place, target, table, source, is_new=is_empty))
        target.exec_driver_sql("COMMIT")


def _has_rows(target: Connection, table: Table) -> bool:
    rows = select(table)
    if table is settings:
        # A server that is about to begin has put its mark there.
        rows = rows.where(settings.c.key != MARK_KEY)
    return bool(target.scalar(select(exists(rows.limit(1)))))


def _copy(target: Connection, table: Table, source: Connection) -> None:
    cursor: Any = target.connection.cursor()
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    with cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
        for row in _rows(source, table):
            copy.write_row(row)


def _compared(
    place: DatabasePlace, target: Connection, table: Table, source: Connection, *, is_new: bool
) -> int:
    """Return how many rows both have of a table, having compared each."""
    count = 0
    there = _rows(target, table)
    for row in _rows(source, table):
        if _as_kept(row) != next(there, None):
            raise _different(place, table, is_new=is_new)
        count += 1
    if next(there, None) is not None:
        raise _different(place, table, is_new=is_new)
    return count


def _different(place: DatabasePlace, table: Table, *, is_new: bool) -> Conflict | Unavailable:
    if is_new:
        return Unavailable(
            f"What {place} has of {table.name} is not what was written to it: nothing was moved."
        )
    return Conflict(
        f"The database {place} has records already, and others ({table.name}): name one that is "
        "empty."
    )


def _rows(connection: Connection, table: Table) -> Iterator[tuple[Any, ...]]:
    """Yield all rows of a table in the order of their key, some at a time."""
    query = select(table).order_by(*table.primary_key.columns)
    if table is settings:
        query = query.where(settings.c.key != MARK_KEY)
    how = {"stream_results": True, "yield_per": ROWS_AT_ONCE}
    for row in connection.execute(query, execution_options=how):
        yield tuple(row)


def _as_kept(row: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(
        value.replace(NUL, ITS_SIGN) if isinstance(value, str) and NUL in value else value
        for value in row
    )
