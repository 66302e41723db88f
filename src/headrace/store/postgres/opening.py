"""The door of this room. Whoever imports it needs the extra ``postgres``."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from headrace.store.book.database import DatabaseBook
from headrace.store.book.ladder import Ladder
from headrace.store.book.port import Book
from headrace.store.database import Database
from headrace.store.postgres.book import EndsBook
from headrace.store.postgres.claim import PostgresClaim
from headrace.store.postgres.database import PostgresDatabase, PostgresReader
from headrace.store.postgres.filling import Say, fill
from headrace.store.postgres.migrate import is_new, migrate_postgres, postgres_state
from headrace.store.postgres.place import DatabasePlace

__all__ = [
    "HeldDatabase",
    "PostgresClaim",
    "PostgresReader",
    "is_new",
    "migrate_postgres",
    "postgres_state",
]


class HeldDatabase:
    """A database that this process holds.

    Args:
        place: The database.
        claim: Holds it.
    """

    def __init__(self, place: DatabasePlace, claim: PostgresClaim) -> None:
        self._place = place
        self._claim = claim

    def prepare(self, on_lost: Callable[[], None] = lambda: None) -> None:
        """Bring it to the present schema, and mark it as this server's.

        Args:
            on_lost: Called if another server has taken it.

        Raises:
            Unavailable: It cannot be used.
        """
        migrate_postgres(self._place)
        self._claim.begin(on_lost)

    def open(self) -> PostgresDatabase:
        """Open it; it is prepared."""
        return PostgresDatabase(self._place, self._claim.mark)

    def fill(self, source: Connection, say: Say) -> None:
        """Copy all rows of another database to it, or none; see :func:`.filling.fill`."""
        fill(self._place, source, say)

    async def book(self, database: Database) -> Book:
        """Return the database as a book: no record is on this machine alone."""
        return Ladder([EndsBook(self._place, database.note_change), DatabaseBook(database)])
