"""The contract of books: where the rows of calls are put on disk."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import Enum
from typing import Protocol

from headrace.store.execution_row import Row


class Verdict(Enum):
    """What became of a row that a book was given."""

    KEPT = "on disk"
    GONE = "nothing of it is on disk: its pipeline was deleted"
    REFUSED = "it may be on disk or not, and is for another book"


OnDone = Callable[[Verdict], None]

MoveAll = Callable[[], "asyncio.Future[None] | None"]
"""Gives what is done once the database has all that callers were told is on record; None if so."""


class Book(Protocol):
    """Puts rows on disk. All of it belongs to the thread of the event loop.

    A row that comes twice is kept once, in whatever books: an end never changes, and a row of what
    runs follows the newest that was kept. Rows are on disk in the order in which they came.
    """

    def append(self, row: Row, on_done: OnDone, *, is_alone: bool = False) -> None:
        """Put a row on disk, together with others that wait; return without waiting for that.

        Args:
            row: The row.
            on_done: Called once, perhaps before this returns: with ``KEPT`` when the row outlasts
                a power cut, and otherwise in bounded time. It must not raise.
            is_alone: Whether nobody else has to wait if the row is written in this thread.
        """
        ...

    async def close(self) -> None:
        """Return when each row has its verdict; those that cannot be written soon are refused."""
        ...

    def move_all(self) -> asyncio.Future[None] | None:
        """Move all rows that are on disk to the database; return what is then done, or None."""
        ...

    def describe(self) -> str:
        """Say where the rows are that are on disk and not in the database."""
        ...
