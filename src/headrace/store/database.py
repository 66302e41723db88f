"""The port of the database: the one seam between async callers and SQL.

``read`` and ``write`` run a function of a connection. A connection of SQLAlchemy Core is what the
functions of this package speak to, whatever database is behind it; how transactions are made, in
which threads, and when the disk is synced is the implementation's (:mod:`headrace.store.sqlite`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy import Connection

P = ParamSpec("P")
R = TypeVar("R")


class Reader(Protocol):
    """A database that can be read."""

    @property
    def revision(self) -> str:
        """A text that differs after each change that can be seen, and after each start.

        It is for those who look again.
        """
        ...

    async def read(
        self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return ``work(connection, ...)``, run in one read transaction that cannot write.

        Raises:
            Unavailable: The database did not answer.
        """
        ...

    def close(self) -> None:
        """Wait for what runs, then end."""
        ...


class Database(Reader, Protocol):
    """A database that can be written to as well. One per process."""

    async def write(
        self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return ``work(connection, ...)`` after its change is on disk.

        If ``work`` raises, nothing of it is kept and the error is raised here. A caller that is
        cancelled while it waits does not undo the change.

        Raises:
            Refused: Of the kind that says which rule of the schema the change breaks.
            Unavailable: The change could not be committed (disk full, database locked for long).
        """
        ...

    def note_change(self) -> None:
        """Have a change that was made by other means be seen: the revision differs."""
        ...

    async def write_unseen(
        self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Do the same as ``write`` for a change that nobody looks at: the revision stays."""
        ...
