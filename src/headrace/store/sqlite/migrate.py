"""Bring a database to the present schema, whatever version wrote it."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, inspect

from headrace.core.errors import Unavailable
from headrace.store.schema_version import HEAD, in_words, upgrade, version_of
from headrace.store.sqlite.connections import open_sqlite


def migrate(path: Path, *, is_new: bool = True) -> None:
    """Create or upgrade the database of a data directory; safe to call from several processes.

    Args:
        path: The SQLite file.
        is_new: Whether it may be without tables, as before the first start.

    Raises:
        Unavailable: A newer Headrace wrote it, or it is not one of Headrace.
    """
    lock = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        engine = open_sqlite(path, read_only=False)
        try:
            with engine.connect() as connection:
                version = version_of(connection)
                if version is None:
                    _check_empty(connection, path, is_new=is_new)
                if version != HEAD:
                    _upgrade(connection)
        finally:
            engine.dispose()
    finally:
        os.close(lock)


def schema_state(path: Path) -> str:
    """Say in a few words what :func:`migrate` would find, and change nothing.

    Raises:
        DBAPIError, sqlite3.Error: It cannot be read.
    """
    if not path.exists() or path.stat().st_size == 0:
        return "It has no database yet; the first start makes one."
    # Not through an engine of this program, which would begin a write-ahead log.
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    return in_words(rows[0][0] if rows else None)


def _check_empty(connection: Connection, path: Path, *, is_new: bool) -> None:
    """Refuse a database without a version, unless there is nothing in it and never was."""
    if inspect(connection).get_table_names() or not is_new:
        raise Unavailable(
            f"The database {path} holds nothing that Headrace recorded: restore it from a backup, "
            "or choose another data directory with --data-dir."
        )


def _upgrade(connection: Connection) -> None:
    # A table that others refer to can only be made anew without: else its rows count as deleted.
    # It cannot be changed within a transaction.
    connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        upgrade(connection)
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")
