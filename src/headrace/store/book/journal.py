"""The book that the journal is: rows in a file, by one write and one sync for all that wait."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Sequence

from headrace.store.book.journal_file import ENTRY_BYTES, Journal, Piece
from headrace.store.book.mover import Mover
from headrace.store.book.port import OnDone, Verdict
from headrace.store.database import Database
from headrace.store.execution_row import Row, is_end, size_of

logger = logging.getLogger(__name__)

LARGE = ENTRY_BYTES // 4
"""Rows with more characters than that in their values are for another book: few of them would fill
the journal. As JSON within JSON a character may take several bytes."""

CLOSING_S = 5.0
"""How long a server that ends waits for a disk that does not answer."""


class JournalBook:
    """Rows in the journal, until they are moved to the database (ADR 0021).

    It takes the ends of calls alone: what runs may be changed by others, which look for it in the
    database. It refuses what is large, and everything while the journal is full or broken. A thread
    that does nothing else writes what came together, so that the event loop need not wait for the
    disk; a row that is alone is written at once.
    """

    def __init__(self, file: Journal, database: Database) -> None:
        self._file = file
        self._loop = asyncio.get_running_loop()
        self._mover = Mover(database, file)
        self._waiting: list[tuple[Row, OnDone]] = []
        self._writing: list[tuple[Row, OnDone]] = []
        self._is_due = False
        self._emptied: asyncio.Event | None = None  # set when nothing waits, if somebody asks
        self._pieces: queue.SimpleQueue[Piece | None] = queue.SimpleQueue()
        threading.Thread(target=self._write_pieces, name="journal", daemon=True).start()

    def append(self, row: Row, on_done: OnDone, *, is_alone: bool = False) -> None:
        """Put a row on disk; see the port."""
        if not self._file.takes or not is_end(row) or size_of(row) > LARGE:
            on_done(Verdict.REFUSED)
        elif is_alone and self._is_written_now(row):
            on_done(Verdict.KEPT)
            self._mover.note_rows()
        else:
            self._waiting.append((row, on_done))
            if not self._is_due and not self._writing:
                self._is_due = True
                # Not at once: what comes in this turn of the loop and the next is written together.
                self._loop.call_soon(self._loop.call_soon, self._write_waiting)

    def move_all(self) -> asyncio.Future[None] | None:
        """Move all rows to the database; see the port."""
        return self._mover.move_all()

    async def close(self) -> None:
        """Write what waits, then move what is there to the database; see the port."""
        if self._waiting or self._writing:
            self._emptied = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), CLOSING_S)
        self._refuse([*self._writing, *self._waiting])
        self._writing, self._waiting = [], []
        await self._mover.close()
        self._pieces.put(None)
        self._file.close()

    def describe(self) -> str:
        """Say where rows are that are not in the database; see the port."""
        if self._file.is_empty:
            return "all calls that were answered are in the database."
        return f"calls that were answered wait for the database in {self._file.path}."

    def _is_written_now(self, row: Row) -> bool:
        """Write a row in this thread, if nothing else is being written."""
        return not self._writing and not self._is_due and self._file.append(row)

    def _write_waiting(self) -> None:
        """Write all rows that came since the last time."""
        self._is_due = False
        waiting, self._waiting = self._waiting, []
        if not waiting:
            return
        rows = [row for row, _ in waiting]
        try:
            piece = self._file.prepare(rows)
            if piece is None and self._mover.make_room():
                piece = self._file.prepare(rows)
        except (TypeError, ValueError):
            logger.exception("%d calls are not for the journal", len(rows))
            piece = None
        if piece is None:
            self._refuse(waiting)
            if self._emptied is not None:
                self._emptied.set()
            return
        self._writing, self._waiting = waiting[: len(piece.rows)], waiting[len(piece.rows) :]
        self._pieces.put(piece)

    def _write_pieces(self) -> None:
        """Write one piece after the other; all that the thread does."""
        while (piece := self._pieces.get()) is not None:
            error = None
            try:
                self._file.write(piece)
            except OSError as found:
                error = found
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._hear, piece, error)

    def _hear(self, piece: Piece, error: OSError | None) -> None:
        """Take what the thread says of a piece."""
        written, self._writing = self._writing, []
        if error is None:
            self._file.keep(piece)
            self._mover.note_rows()
        else:
            self._file.drop()
        # First, so that the next piece is under way while callers are answered.
        self._write_waiting()
        if error is None:
            for _, on_done in written:
                on_done(Verdict.KEPT)
        else:
            self._refuse(written)
        if self._emptied is not None and not self._waiting and not self._writing:
            self._emptied.set()

    def _refuse(self, rows: Sequence[tuple[Row, OnDone]]) -> None:
        for _, on_done in rows:
            on_done(Verdict.REFUSED)
