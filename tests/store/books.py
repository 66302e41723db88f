"""Books to be tested: how each is made, and what is on disk of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from headrace.core.executions import Status
from headrace.store.book.database import DatabaseBook
from headrace.store.book.journal import JournalBook
from headrace.store.book.journal_file import Journal
from headrace.store.book.ladder import Ladder
from headrace.store.book.port import Book
from headrace.store.book.recovery import take_up
from headrace.store.database import Database
from headrace.store.execution_row import COLUMNS
from headrace.store.postgres.book import EndsBook
from headrace.store.postgres.place import read_database
from headrace.store.tables import executions

Maker = Callable[[Journal, Database], Book]


def make_book(name: str, file: Journal, database: Database, records: str) -> Book:
    """Make the book of a name; ``records`` are the file or the URL of the database."""
    if name in BOOKS:
        return BOOKS[name](file, database)
    ends = EndsBook(read_database(records), database.note_change)
    return Ladder([ends, DatabaseBook(database)])


BOOKS: Mapping[str, Maker] = {
    "journal": JournalBook,
    "database": lambda _, database: DatabaseBook(database),
    "ladder": lambda file, database: Ladder([JournalBook(file, database), DatabaseBook(database)]),
}
"""Each implementation of the port for a file, by a function that makes one."""

KINDS = [
    *((name, "sqlite") for name in BOOKS),
    *((name, "postgres") for name in ("database", "ends and database")),
]
"""Books, each with the database that it is for."""


@dataclass(frozen=True)
class Place:
    """A folder with a migrated database, and room for a journal."""

    folder: Path
    database: Callable[[], Database]
    """Opens the database, each time through another object."""

    def file(self) -> Journal:
        """Return an empty journal."""
        made = Journal(self.folder / "calls")
        made.clear()
        return made

    async def found(self) -> dict[str, str]:
        """Return the status of each execution that is on disk, by its id; books may go on."""
        # In this order, because rows are moved from the one to the other.
        found = self._left()
        database = self.database()
        try:
            for execution_id, status in (await database.read(_statuses)).items():
                if Status(status).is_terminal or execution_id not in found:
                    found[execution_id] = status
        finally:
            database.close()
        return found

    async def found_by_a_start(self) -> dict[str, str]:
        """Return the same after a start of the next server; no book may be open."""
        database = self.database()
        try:
            journal = await take_up(self.folder / "calls", database)
            assert journal is not None
            journal.close()
            return await database.read(_statuses)
        finally:
            database.close()

    def _left(self) -> dict[str, str]:
        journal = Journal(self.folder / "calls")
        journal.close()
        return {row[0]: row[COLUMNS.index("status")] for row in journal.left_behind}


def _statuses(connection: Connection) -> dict[str, str]:
    rows = connection.execute(select(executions.c.id, executions.c.status))
    return {row.id: row.status for row in rows}
