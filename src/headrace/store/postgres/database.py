"""Reads and writes of a PostgreSQL database (:mod:`headrace.store.database`)."""

from __future__ import annotations

from typing import Any

import psycopg
from sqlalchemy import Connection
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError

from headrace.store.grouping import GroupedDatabase
from headrace.store.postgres.connections import PATIENCE_S, open_postgres
from headrace.store.postgres.marks import begin_as
from headrace.store.postgres.place import DatabasePlace
from headrace.store.reading import ThreadedReader

_OF_THE_DATABASE = (psycopg.OperationalError, psycopg.InternalError, psycopg.InterfaceError)


class _PostgresManners:
    """What is particular to PostgreSQL; see :class:`headrace.store.reading.Manners`."""

    patience_s: float | None = PATIENCE_S

    def __init__(self, mark: str | None = None) -> None:
        self._mark = mark

    def begin(self, cursor: DBAPICursor) -> None:
        """Begin a transaction, and wait for other writers, for a bounded time."""
        begin_as(cursor, self._mark)

    def is_of_the_database(self, error: Exception) -> bool:
        """Check for errors of the machine, the disk, the connection, and for waiting too long."""
        return isinstance(error.orig if isinstance(error, DBAPIError) else error, _OF_THE_DATABASE)

    def is_lost(self, connection: Connection) -> bool:
        """Check whether the database has ended it, or the network has."""
        if connection.invalidated:
            return True
        made: Any = connection.connection.dbapi_connection
        return bool(made.closed)


class PostgresReader(ThreadedReader):
    """Reads of the database that a URL names."""

    def __init__(self, place: DatabasePlace) -> None:
        super().__init__(open_postgres(place, read_only=True), _PostgresManners())


class PostgresDatabase(GroupedDatabase):
    """Reads and writes of the database that a URL names.

    Args:
        place: The database.
        mark: That of the server, which must still have the database whenever it writes.
    """

    def __init__(self, place: DatabasePlace, mark: str | None = None) -> None:
        super().__init__(
            open_postgres(place, read_only=True),
            open_postgres(place, read_only=False),
            _PostgresManners(mark),
        )
