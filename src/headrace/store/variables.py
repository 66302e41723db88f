"""Rows of environment variables, whose values are sealed before they come here."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert

from headrace.store.tables import variables


def all_variables(connection: Connection) -> dict[str, bytes]:
    """Return the sealed value of each variable, by name in order."""
    rows = connection.execute(
        select(variables.c.name, variables.c.sealed_value).order_by(variables.c.name)
    )
    return {row.name: row.sealed_value for row in rows}


def put_variable(connection: Connection, name: str, sealed: bytes, at_us: int) -> None:
    """Insert or replace a variable."""
    new = {"sealed_value": sealed, "updated_at": at_us}
    statement = insert(variables).values(name=name, **new)
    connection.execute(statement.on_conflict_do_update(index_elements=[variables.c.name], set_=new))


def remove_variable(connection: Connection, name: str) -> bytes | None:
    """Delete a variable and return its sealed value, or None if there was none."""
    sealed: bytes | None = connection.scalar(
        delete(variables).where(variables.c.name == name).returning(variables.c.sealed_value)
    )
    return sealed
