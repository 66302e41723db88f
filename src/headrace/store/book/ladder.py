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
        elif len(self._books) == 1:
            self._books[0].append(row, on_done, is_alone=is_alone)
        else:
            hear = partial(self._hear, 1, row, on_done)
            self._books[0].append(row, hear, is_alone=is_alone)

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

    def _hear(self, rung: int, row: Row, on_done: OnDone, verdict: Verdict) -> None:
        """Hand on a verdict, or the row to this book if the one before has refused it."""
        if verdict is not Verdict.REFUSED:
            on_done(verdict)
        elif rung + 1 < len(self._books):
            self._books[rung].append(row, partial(self._hear, rung + 1, row, on_done))
        else:
            self._books[rung].append(row, on_done)
