"""Moving the records of a server that does not run from its data directory to a database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from headrace.core.errors import InvalidRequest
from headrace.server.data_directory import DataDirectory
from headrace.server.records import FileRecords, PostgresRecords
from headrace.store.postgres.place import DatabasePlace
from headrace.store.settings import MOVED_TO, write_setting
from headrace.store.sqlite.connections import open_sqlite

Say = Callable[[str, int], None]


def move_records(directory: DataDirectory, place: DatabasePlace, say: Say) -> None:
    """Copy all records to a database, compare both, and put on record that they are kept there.

    It can be cut short at any moment and begun again: until the end the records are kept where
    they were, and the database has none of them.

    Args:
        directory: The data directory, which the caller holds.
        place: The database, which is empty.
        say: Hears the name of each table and how many rows it has.

    Raises:
        InvalidRequest: No server ever ran on the directory.
        Conflict: The records are elsewhere, or the database has records.
        Unavailable: One of the two cannot be used.
    """
    if directory.is_new:
        raise InvalidRequest(
            f"No server ever ran on {directory.root}: there are no records to move."
        )
    records = FileRecords(directory)
    records.prepare()
    asyncio.run(_take_up_calls(records))
    # Its own records do not keep it from a database without any.
    target = PostgresRecords(replace(directory, holds_records=False), place)
    with target.held(may_be_empty=True) as held:
        held.prepare()
        source = open_sqlite(directory.database, read_only=True)
        try:
            with source.connect() as connection, connection.begin():
                held.fill(connection, say)
        finally:
            source.dispose()
        asyncio.run(_note(records, place))


async def _take_up_calls(records: FileRecords) -> None:
    """Bring the calls that a server left in its journal to the file."""
    database = records.open()
    try:
        await (await records.book(database)).close()
    finally:
        database.close()


async def _note(records: FileRecords, place: DatabasePlace) -> None:
    database = records.open()
    try:
        await database.write(write_setting, MOVED_TO, str(place))
    finally:
        database.close()
