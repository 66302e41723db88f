"""The one place that decides which book gets a row."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from headrace.store.book.port import Book, OnDone, Verdict
from headrace.store.execution_row import Row, is_end


class Ladder:
    """Several books in the order in which they are tried; what one refuses is for the next.

    A call that runs has its row in the last book, which is the one where others find and change
    it; so its end goes there as well. All other ends begin with the first.
    """

    def __init__(self, books: Sequence[Book]) -> None:
        self._books = books
        self._begun: set[str] = set()  # ids whose row is in the last book, or about to be

    def append(self, row: Row, on_done: OnDone, *, is_alone: bool = False) -> None:
        """Put a row on disk; see the port. What the last book refuses is refused."""
        execution_id = row[0]
        if not is_end(row):
            self._begun.add(execution_id)
            self._books[-1].append(row, on_done)
        elif execution_id in self._begun:
            self._begun.discard(execution_id)
            self._books[-1].append(row, on_done)
        else:
            self._try(0, row, on_done, is_alone=is_alone)

    def move_all(self) -> asyncio.Future[None] | None:
        """Move the rows of the first book to the database; see the port."""
        return self._books[0].move_all()

    async def close(self) -> None:
        """Close the books in their order; see the port."""
        for book in self._books:
            await book.close()

    def describe(self) -> str:
        """Say where the rows of the first book are; see the port."""
        return self._books[0].describe()

    def _try(self, rung: int, row: Row, on_done: OnDone, *, is_alone: bool = False) -> None:
        next_rung = rung + 1
        if next_rung < len(self._books):
            on_done = partial(self._hear, next_rung, row, on_done)
        self._books[rung].append(row, on_done, is_alone=is_alone)

    def _hear(self, next_rung: int, row: Row, on_done: OnDone, verdict: Verdict) -> None:
        if verdict is Verdict.REFUSED:
            self._try(next_rung, row, on_done)
        else:
            on_done(verdict)
