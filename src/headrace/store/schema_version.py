"""The version of a database's schema, and the way to the newest one."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from headrace.core.errors import Unavailable

HEAD = "0018"
"""The newest migration. Kept here so that a database that is up to date, as it is at nearly every
start, is recognised without loading Alembic; a test compares it with the migrations."""


def version_of(connection: Connection) -> str | None:
    """Return the migration that a database is at; None if it is at none."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return version


def in_words(version: str | None) -> str:
    """Say in a few words what a start will do with a database of this version."""
    if version == HEAD:
        return "Its database is of this version."
    return f"Its database is of schema {version}; a start of this version makes it {HEAD}."


def upgrade(connection: Connection) -> None:
    """Bring a database to the newest version, in the transaction that the caller has begun.

    Raises:
        Unavailable: A newer Headrace wrote it. Nothing was changed.
    """
    from alembic import command  # noqa: PLC0415 - seldom needed, and slow to load
    from alembic.config import Config  # noqa: PLC0415 - as above
    from alembic.util import CommandError  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise Unavailable(
            f"The database was written by a newer Headrace ({error}). Install that version, or "
            "start with another database."
        ) from error
