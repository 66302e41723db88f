"""Where the records of a server are: a file in its data directory, or a database of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from headrace.core.errors import Conflict
from headrace.core.standby import Standing
from headrace.server.claim import Claim
from headrace.server.data_directory import DataDirectory
from headrace.server.fronts.journals import take_up_journal
from headrace.server.obstacles import in_plain_words
from headrace.server.optional_rooms import optional_room
from headrace.server.settings import Settings
from headrace.store.book.port import Book
from headrace.store.book.recovery import open_book
from headrace.store.database import Database, Reader
from headrace.store.postgres.place import DatabasePlace
from headrace.store.settings import KEY_CHECK, MOVED_TO
from headrace.store.sqlite.database import SqliteDatabase, SqliteReader
from headrace.store.sqlite.migrate import migrate, schema_state
from headrace.store.sqlite.standing import setting_in, standing_in


class HeldRecords(Protocol):
    """The records of one server, which no other server has."""

    def prepare(self, on_lost: Callable[[], None] = ...) -> None:
        """Bring them to the present schema.

        Args:
            on_lost: Called if another server has taken them although they were held.

        Raises:
            Unavailable: They cannot be used.
        """
        ...

    def open(self) -> Database:
        """Open them; they are prepared."""
        ...

    async def book(self, database: Database) -> Book:
        """Return the book of answered calls, with what an earlier server left taken up."""
        ...


class HeldDatabase(HeldRecords, Protocol):
    """A database that no other server has, and that can be filled."""

    def fill(self, source: Connection, say: Callable[[str, int], None]) -> None:
        """Copy all rows of another database to this one, or none.

        Raises:
            Conflict: It has other rows.
            Unavailable: It cannot be used.
        """
        ...


@dataclass(frozen=True, slots=True)
class Described:
    """The facts that are on record of a server.

    Attributes:
        lines: Where the records are, then what a start would do with them.
        standing: The state of the environment.
        sealed: A word under the master key, if a server has begun.
    """

    lines: list[str]
    standing: Standing
    sealed: str | None


class Records(Protocol):
    """The records of one server, before they are opened."""

    @property
    def is_new(self) -> bool:
        """Whether no server ever wrote any."""
        ...

    def held(self) -> AbstractContextManager[HeldRecords]:
        """Keep other servers from them; the data directory is held.

        Raises:
            Conflict: Another server has them.
        """
        ...

    def reader(self) -> Reader:
        """Open them for reading alone, whoever holds them."""
        ...

    def describe(self) -> Described:
        """Return what a start would find, and change nothing.

        Raises:
            Unavailable: A server could not start on them.
        """
        ...


def directory_of(settings: Settings) -> DataDirectory:
    """Return the data directory that the settings name."""
    return DataDirectory(
        settings.data_dir, settings.master_key_file, holds_records=settings.database is None
    )


def claimed(directory: DataDirectory) -> Claim:
    """Make a data directory and hold it; nothing of it is touched while another server runs."""
    with in_plain_words(directory.root, directory.database):
        directory.make_root()
        claim = Claim(directory.root)
        try:
            directory.make()
        except BaseException:
            claim.close()
            raise
        return claim


def records_of(settings: Settings, directory: DataDirectory) -> Records:
    """Return the records that the settings name."""
    if settings.database is None:
        return FileRecords(directory)
    return PostgresRecords(directory, settings.database)


def _nobody() -> None:
    """Hear of nothing."""


class FileRecords:
    """Records in the SQLite file of a data directory; whoever has the directory has them."""

    def __init__(self, directory: DataDirectory) -> None:
        self._directory = directory

    @property
    def is_new(self) -> bool:
        """Whether no server ever ran on the directory."""
        return self._directory.is_new

    def held(self) -> AbstractContextManager[HeldRecords]:
        """Return them: nobody else has the directory."""
        return nullcontext(self)

    def prepare(self, on_lost: Callable[[], None] = _nobody) -> None:  # noqa: ARG002 - a file is never taken
        """Bring them to the present schema; see :class:`HeldRecords`.

        Raises:
            Conflict: They were moved to a database.
        """
        with in_plain_words(self._directory.root, self._directory.database):
            migrate(self._directory.database, is_new=self.is_new)
            self._check_here()

    def _check_here(self) -> None:
        moved_to = setting_in(self._directory.database, MOVED_TO)
        if moved_to is not None:
            raise Conflict(
                f"The records of this server were moved to {moved_to}: name that database with "
                "HEADRACE_DATABASE. What is in the file is what they were then."
            )

    def open(self) -> Database:
        """Open them; see :class:`HeldRecords`."""
        return SqliteDatabase(self._directory.database)

    async def book(self, database: Database) -> Book:
        """Return the journal with the database behind it; see :class:`HeldRecords`."""
        # Whether there are to be fronts or not: earlier ones may have been killed.
        for number in self._directory.fronts:
            await take_up_journal(self._directory, number, database)
        return await open_book(self._directory.journal, database)

    def reader(self) -> Reader:
        """Open them for reading alone; see :class:`Records`."""
        return SqliteReader(self._directory.database)

    def describe(self) -> Described:
        """Describe them; see :class:`Records`."""
        file = self._directory.database
        with in_plain_words(self._directory.root, file):
            self._check_here()
            lines = [f"Data directory {self._directory.root}", schema_state(file)]
            return Described(lines, standing_in(file), setting_in(file, KEY_CHECK))


class PostgresRecords:
    """Records in a PostgreSQL database, with a cache in the data directory."""

    def __init__(self, directory: DataDirectory, place: DatabasePlace) -> None:
        self._directory = directory
        self._place = place
        self._room = optional_room(
            "headrace.store.postgres.opening", "Records in PostgreSQL", "postgres"
        )

    @property
    def is_new(self) -> bool:
        """Whether the database has no tables."""
        return bool(self._room.is_new(self._place))

    @contextmanager
    def held(self, *, may_be_empty: bool = False) -> Iterator[HeldDatabase]:
        """Hold the database; see :class:`Records`.

        Args:
            may_be_empty: Whether it may have no records although the data directory has some.

        Raises:
            Conflict: Another server has it, or the records of the data directory are in a file.
        """
        if self._directory.has_records and not may_be_empty and self.is_new:
            raise Conflict(
                f"The records of this server are in {self._directory.database}, and the database "
                f"{self._place} has none: move them first with 'headrace migrate', or choose "
                "another data directory with --data-dir for a new server."
            )
        with self._room.PostgresClaim(self._place) as claim:
            yield self._room.HeldDatabase(self._place, claim)

    def reader(self) -> Reader:
        """Open them for reading alone; see :class:`Records`."""
        reader: Reader = self._room.PostgresReader(self._place)
        return reader

    def describe(self) -> Described:
        """Describe them; see :class:`Records`."""
        lines, standing, sealed = self._room.postgres_state(self._place)
        return Described([f"Database {self._place}", *lines], standing, sealed)
