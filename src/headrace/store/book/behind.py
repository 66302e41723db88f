"""A database that may be behind a book, for those who want to read what the book has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Concatenate

from sqlalchemy import Connection

from headrace.store.book.port import MoveAll
from headrace.store.database import Database, P, R

MOVE_S = 2.0
"""How long whoever reads waits at most for answered calls that are on their way to the database."""


def all_of(*moves: MoveAll) -> MoveAll:
    """Return what moves the rows of several books."""

    def move_all() -> asyncio.Future[None] | None:
        behind = [each for each in (move() for move in moves) if each is not None]
        if len(behind) < 2:
            return behind[0] if behind else None
        return asyncio.ensure_future(_all_done(behind))

    return move_all


async def _all_done(behind: list[asyncio.Future[None]]) -> None:
    await asyncio.wait(behind)


class DatabaseBehind:
    """A database that is read once it has what the book has (:class:`.database.Database`)."""

    def __init__(self, database: Database, move_all: MoveAll) -> None:
        self._database = database
        self._move_all = move_all

    @property
    def revision(self) -> str:
        """A text that differs after each change that the database has."""
        return self._database.revision

    async def read(
        self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return ``work(connection, ...)``, run in one read transaction."""
        behind = self._move_all()
        if behind is not None:
            # Afterwards it is read as it is: a disk that hangs must not keep all readers waiting.
            await asyncio.wait({behind}, timeout=MOVE_S)
        return await self._database.read(work, *args, **kwargs)

    async def write(
        self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return ``work(connection, ...)`` after its change is on disk."""
        return await self._database.write(work, *args, **kwargs)

    async def write_unseen(
        self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Do the same as ``write`` for a change that nobody looks at."""
        return await self._database.write_unseen(work, *args, **kwargs)

    def note_change(self) -> None:
        """Have a change that was made by other means be seen."""
        self._database.note_change()

    def close(self) -> None:
        """Wait for what runs, then end."""
        self._database.close()
