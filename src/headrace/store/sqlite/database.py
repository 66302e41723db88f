"""Reads and writes of an SQLite file (:mod:`headrace.store.database`)."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DatabaseError, OperationalError

from headrace.store.grouping import GroupedDatabase
from headrace.store.reading import ThreadedReader
from headrace.store.sqlite.connections import open_sqlite


class _SqliteManners:
    """What is particular to SQLite; see :class:`headrace.store.reading.Manners`."""

    patience_s: float | None = None

    def begin(self, cursor: DBAPICursor) -> None:
        """Begin a transaction that writes, and wait for another program that does."""
        cursor.execute("BEGIN IMMEDIATE")

    def is_of_the_database(self, error: Exception) -> bool:
        """Check for errors of the disk.

        A full or failing disk is an operational error; a damaged file is of no kind in particular.
        """
        return isinstance(error, OperationalError | sqlite3.Error) or type(error) is DatabaseError

    def is_lost(self, connection: Connection) -> bool:  # noqa: ARG002 - the same for all
        """Say no: a file is never lost."""
        return False


class SqliteReader(ThreadedReader):
    """Reads of an SQLite file."""

    def __init__(self, path: Path) -> None:
        super().__init__(open_sqlite(path, read_only=True), _SqliteManners())


class SqliteDatabase(GroupedDatabase):
    """Reads and writes; the connection that writes is the only one that checkpoints."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            open_sqlite(path, read_only=True), open_sqlite(path, read_only=False), _SqliteManners()
        )
