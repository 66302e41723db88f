"""What was deleted, and whether anything was: mostly nothing, and then no row has to be read."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, select

from headrace.store.tables import OF_DELETED, pipelines

_ANY = select(pipelines.c.id).where(pipelines.c.deleted_at.is_not(None)).limit(1)


def kept_conditions(connection: Connection) -> tuple[ColumnElement[bool], ...]:
    """Return the condition of executions that are not gone with their pipeline, if any are.

    With it the row of each execution is read that an index alone would have counted.
    """
    return () if connection.scalar(_ANY) is None else (~OF_DELETED,)
