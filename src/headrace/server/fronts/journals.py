"""The journals of fronts, taken up by the main process when a front is gone."""

from __future__ import annotations

from headrace.server.data_directory import DataDirectory
from headrace.store.book.recovery import take_up
from headrace.store.database import Database


async def take_up_journal(directory: DataDirectory, number: int, database: Database) -> None:
    """Bring the calls that a front answered to the database; it is gone.

    Raises:
        Unavailable: They cannot be read, or the database does not take them.
    """
    path = directory.front_journal(number)
    if not path.exists():
        return
    journal = await take_up(path, database)
    if journal is not None:
        journal.close()
