"""Records of the kind that a run of the tests is about: an SQLite file, or a PostgreSQL database.

Several objects may open the same ones, also in several processes: they are named by a path.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, text
from tests.postgres import running

from headrace.store.database import Database
from headrace.store.postgres.connections import open_postgres
from headrace.store.postgres.database import PostgresDatabase
from headrace.store.postgres.marks import WRITERS
from headrace.store.postgres.place import DatabasePlace, read_database
from headrace.store.sqlite.connections import open_sqlite
from headrace.store.sqlite.database import SqliteDatabase
from headrace.store.sqlite.migrate import migrate

ON_POSTGRES = os.environ.get("TESTS_DATABASE") == "postgresql"
"""Whether tests that do not say otherwise keep their records in PostgreSQL."""


def database_at(path: Path) -> Database:
    """Open the records of a path, which are made if there are none."""
    if ON_POSTGRES:
        return PostgresDatabase(_place_of(path))
    migrate(path)
    return SqliteDatabase(path)


def writing_at(path: Path) -> Engine:
    """Return an engine on the records of a path whose connections write at once."""
    if ON_POSTGRES:
        return open_postgres(_place_of(path), read_only=False)
    migrate(path)
    return open_sqlite(path, read_only=False)


def careless(connection: Connection) -> None:
    """Have a connection wait for no disk: what is tested is not that it is there."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA synchronous = OFF")


@contextmanager
def changing(records: Path | str) -> Iterator[Connection]:
    """Change the records in a file, or at the URL of a database, in one transaction.

    Meanwhile nobody else writes to them.
    """
    if isinstance(records, str):
        engine = open_postgres(read_database(records), read_only=False)
    else:
        engine = open_sqlite(records, read_only=False)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(
                "BEGIN" if engine.dialect.name == "postgresql" else "BEGIN IMMEDIATE"
            )
            if engine.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({WRITERS})"))
                # Ends of calls are written without that lock.
                connection.execute(text("LOCK TABLE executions IN SHARE ROW EXCLUSIVE MODE"))
            yield connection
            connection.exec_driver_sql("COMMIT")
    finally:
        engine.dispose()


def is_written_to(path: Path) -> bool:
    """Check whether anybody writes to the records of a path, or waits for that."""
    if ON_POSTGRES:
        engine = open_postgres(_place_of(path), read_only=True)
        held = text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = :lock")
        with engine.connect() as connection:
            return bool(connection.scalar(held, {"lock": WRITERS}))
    with closing(sqlite3.connect(path, timeout=0.5)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        return False


def _place_of(path: Path) -> DatabasePlace:
    """The database of a path, whose URL is beside it for other processes.

    If it was copied with the folder that it is in, the database is copied as well.
    """
    note = path.with_name(f"{path.name}.url")
    if note.exists():
        whose, url = note.read_text().split("\n")
        place = read_database(url)
        if whose == str(path):
            return place
        place = running().copied(place)
    else:
        note.parent.mkdir(parents=True, exist_ok=True)
        place = running().migrated()
    note.write_text(f"{path}\n{place.url}")
    return place
