"""Bring a PostgreSQL database to the present schema, and say whether it can be one of a server."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import Connection, inspect, text

from headrace.core.errors import Unavailable
from headrace.core.standby import Standing
from headrace.store.postgres.connections import connected
from headrace.store.postgres.place import DatabasePlace
from headrace.store.postgres.schema import create_schema
from headrace.store.schema_version import HEAD, in_words, upgrade, version_of
from headrace.store.settings import KEY_CHECK, read_setting, read_standing

logger = logging.getLogger(__name__)

OLDEST = 14
"""The oldest version of PostgreSQL, the last one that its makers still mend."""

_MIGRATION = 0x6D69_6772
"""The lock of whoever changes the schema."""


def migrate_postgres(place: DatabasePlace) -> None:
    """Create or upgrade a database; safe to call from several processes.

    Args:
        place: The database, which exists.

    Raises:
        Unavailable: It cannot be reached or used, a newer Headrace wrote it, or it is not one of
            Headrace.
    """
    with connected(place) as connection:
        for warning in _check(place, connection):
            logger.warning("%s", warning)
        if version_of(connection) == HEAD:
            return
        # Also for what takes long: a database of some size.
        connection.exec_driver_sql("SET statement_timeout = 0")
        connection.exec_driver_sql("BEGIN")
        try:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION})")
            _bring_up(place, connection)
        except BaseException:
            connection.exec_driver_sql("ROLLBACK")
            raise
        connection.exec_driver_sql("COMMIT")


def is_new(place: DatabasePlace) -> bool:
    """Check whether no server ever wrote to a database.

    Raises:
        Unavailable: As by :func:`migrate_postgres`.
    """
    with connected(place) as connection:
        return version_of(connection) is None


def postgres_state(place: DatabasePlace) -> tuple[list[str], Standing, str | None]:
    """Say in lines what :func:`migrate_postgres` would find, and change nothing.

    Returns:
        The lines, the state of the environment that is on record, and the word under the key.

    Raises:
        Unavailable: As by :func:`migrate_postgres`.
    """
    with connected(place) as connection:
        warnings = _check(place, connection)
        version = version_of(connection)
        if version is not None and version > HEAD:
            raise Unavailable(f"The database {place} was written by a newer Headrace ({version}).")
        if version is None:
            _check_empty(place, connection)
            return ["It is empty; the first start makes its tables.", *warnings], Standing(), None
        sealed = read_setting(connection, KEY_CHECK)
        return [in_words(version), *warnings], read_standing(connection), sealed


def _bring_up(place: DatabasePlace, connection: Connection) -> None:
    version = version_of(connection)
    if version is not None:
        upgrade(connection)
        return
    _check_empty(place, connection)
    create_schema(connection)
    connection.execute(text("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)"))
    connection.execute(text("INSERT INTO alembic_version VALUES (:head)"), {"head": HEAD})


def _check_empty(place: DatabasePlace, connection: Connection) -> None:
    if tables := inspect(connection).get_table_names():
        raise Unavailable(
            f"The database {place} has tables of something else, such as {min(tables)}: give "
            "Headrace a database of its own (CREATE DATABASE headrace)."
        )


def _check(place: DatabasePlace, connection: Connection) -> list[str]:
    """Return what the operator should know of a database; raise for what cannot be."""
    number = _shown(connection, "server_version_num")
    if int(number) < OLDEST * 10_000:
        raise Unavailable(
            f"The database {place} is PostgreSQL {_shown(connection, 'server_version')}: Headrace "
            f"needs {OLDEST} or later."
        )
    if _shown(connection, "server_encoding") != "UTF8":
        raise Unavailable(
            f"The database {place} does not keep Unicode: make it with ENCODING 'UTF8'."
        )
    if connection.scalar(text("SELECT pg_is_in_recovery()")):
        raise Unavailable(f"The database {place} is a standby that cannot be written to.")
    off = [name for name in ("fsync", "full_page_writes") if _shown(connection, name) == "off"]
    return [
        f"Its setting {name} is off: after a power cut what was acknowledged may be missing."
        for name in off
    ]


def _shown(connection: Connection, setting: str) -> str:
    found: Any = connection.scalar(text("SELECT current_setting(:name)"), {"name": setting})
    return str(found)
