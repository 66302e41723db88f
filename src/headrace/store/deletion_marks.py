"""The condition that an execution is not deleted, left out while nothing is deleted."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, select

from headrace.store.tables import OF_DELETED, pipelines

_ANY = select(pipelines.c.id).where(pipelines.c.deleted_at.is_not(None)).limit(1)


def kept_conditions(connection: Connection) -> tuple[ColumnElement[bool], ...]:
    """Return the condition that an execution is not gone with its pipeline; none while none is.

    With the condition each row is read that an index alone would have counted.
    """
    return () if connection.scalar(_ANY) is None else (~OF_DELETED,)
