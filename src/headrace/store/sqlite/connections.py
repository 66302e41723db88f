"""Connections to an SQLite file: how they are set up, and what their errors mean."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.pool import NullPool

from headrace.store.errors import Dangling, Duplicate, Refused

BUSY_TIMEOUT_MS = 10_000
"""How long a transaction waits for another program that writes to the database."""

_REFUSALS = {
    "SQLITE_CONSTRAINT_FOREIGNKEY": Dangling,
    "SQLITE_CONSTRAINT_PRIMARYKEY": Duplicate,
    "SQLITE_CONSTRAINT_UNIQUE": Duplicate,
}

PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = ON",
    f"busy_timeout = {BUSY_TIMEOUT_MS}",
)
"""What each connection to SQLite begins with.

Its cache of pages stays as small as it is by default (2 MB): the system caches the file for all
connections at once, and each of theirs would fill up some time, and be emptied whenever another
one writes.
"""


def open_sqlite(path: Path, *, read_only: bool) -> Engine:
    """Return an engine on an SQLite file in WAL mode that syncs at each commit.

    The writing engine leaves transactions to its user (``BEGIN IMMEDIATE``); the reading one opens
    them by itself and refuses to write.
    """
    engine = create_engine(
        f"sqlite+pysqlite:///{path}",
        poolclass=NullPool,
        connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
        isolation_level="AUTOCOMMIT",
        # Values may be secrets, and errors come into the log.
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: Any) -> None:
        cursor = connection.cursor()
        for pragma in PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        if read_only:
            cursor.execute("PRAGMA query_only = ON")
            # The one that writes checkpoints, so that no two ever do at the same moment.
            cursor.execute("PRAGMA wal_autocheckpoint = 0")
        cursor.close()

    event.listen(engine, "handle_error", _say_what_was_refused)

    if read_only:

        @event.listens_for(engine, "begin")
        def begin(connection: Connection) -> None:
            # Without it each statement would see a state of its own.
            connection.exec_driver_sql("BEGIN")

    return engine


def _say_what_was_refused(context: ExceptionContext) -> None:
    """Raise the store's own error for a refusal of the schema."""
    error = context.original_exception
    if isinstance(error, sqlite3.IntegrityError):
        kind = _REFUSALS.get(error.sqlite_errorname, Refused)
        raise kind(str(error)) from error
