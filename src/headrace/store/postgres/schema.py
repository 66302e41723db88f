"""The schema as PostgreSQL has it: texts are compared by their bytes, as SQLite compares them."""

from __future__ import annotations

from sqlalchemy import Connection, MetaData, Text

from headrace.store.tables import metadata

COLLATION = "C"
"""Of all texts: ids are in the order of their time only if they are compared byte by byte."""


def create_schema(connection: Connection) -> None:
    """Create all tables, as the newest migration leaves them."""
    _as_here().create_all(connection)


def _as_here() -> MetaData:
    here = MetaData(naming_convention=metadata.naming_convention)
    for table in metadata.sorted_tables:
        copy = table.to_metadata(here)
        for column in copy.columns:
            if isinstance(column.type, Text):
                column.type = Text(collation=COLLATION)
    return here
