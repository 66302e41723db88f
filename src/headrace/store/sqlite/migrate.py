"""Bring a database to the present schema, whatever version wrote it."""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from headrace.core.errors import Unavailable
from headrace.store.sqlite.connections import open_sqlite

HEAD = "0017"
"""The newest migration. Kept here so that a database that is up to date, as it is at nearly every
start, is recognised without loading Alembic; a test compares it with the migrations."""


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
                version = _version(connection)
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
    version = rows[0][0] if rows else None
    if version == HEAD:
        return "Its database is of this version."
    return f"Its database is of schema {version}; a start of this version makes it {HEAD}."


def _check_empty(connection: Connection, path: Path, *, is_new: bool) -> None:
    """Refuse a database without a version, unless there is nothing in it and never was."""
    if inspect(connection).get_table_names() or not is_new:
        raise Unavailable(
            f"The database {path} holds nothing that Headrace recorded: restore it from a backup, "
            "or choose another data directory with --data-dir."
        )


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return version


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - seldom needed, and slow to load
    from alembic.config import Config  # noqa: PLC0415 - as above
    from alembic.util import CommandError  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[1] / "migrations"))
    config.attributes["connection"] = connection
    # A table that others refer to can only be made anew without: else its rows count as deleted.
    # It cannot be changed within a transaction.
    connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        connection.exec_driver_sql("ROLLBACK")
        raise Unavailable(
            f"The database was written by a newer Headrace ({error}). Install that version, or "
            "start with another data directory."
        ) from error
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")
