"""Rows of environment variables, whose values are sealed before they come here."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, delete, select

from headrace.store.tables import variables
from headrace.store.upserts import put


def all_variables(connection: Connection) -> dict[str, bytes]:
    """Return the sealed value of each variable, by name in order."""
    rows = connection.execute(
        select(variables.c.name, variables.c.sealed_value).order_by(variables.c.name)
    )
    return {row.name: row.sealed_value for row in rows}


def put_variables(connection: Connection, sealed: Mapping[str, bytes], at_us: int) -> None:
    """Insert or replace variables."""
    for name, value in sealed.items():
        put(connection, variables, {"name": name}, {"sealed_value": value, "updated_at": at_us})


def remove_variable(connection: Connection, name: str) -> bytes | None:
    """Delete a variable and return its sealed value, or None if there was none."""
    sealed: bytes | None = connection.scalar(
        delete(variables).where(variables.c.name == name).returning(variables.c.sealed_value)
    )
    return sealed
