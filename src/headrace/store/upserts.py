"""Rows that are there once: replaced, or inserted if they are new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, Table, and_, insert, update


def put(
    connection: Connection, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]
) -> None:
    """Replace the values of the row with a key, or insert it."""
    is_it = and_(*(table.c[name] == value for name, value in key.items()))
    if connection.execute(update(table).where(is_it).values(**values)).rowcount == 0:
        connection.execute(insert(table).values(**key, **values))
