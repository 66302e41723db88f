"""Bring a database to the present schema, whatever version wrote it."""

from __future__ import annotations

import fcntl
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from headrace.core.errors import Unavailable
from headrace.store.dialects import open_sqlite

HEAD = "0003"
"""The newest migration. Kept here so that a database that is up to date, as it is at nearly every
start, is recognised without loading Alembic; a test compares it with the migrations."""


def migrate(path: Path) -> None:
    """Create or upgrade the database of a data directory; safe to call from several processes.

    Raises:
        Unavailable: A newer Headrace wrote it.
    """
    with (path.parent / f"{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        engine = open_sqlite(path, read_only=False)
        try:
            with engine.connect() as connection:
                if _version(connection) != HEAD:
                    _upgrade(connection)
        finally:
            engine.dispose()


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
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
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
