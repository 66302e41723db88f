"""A thread that writes to the journal, so that the event loop need not wait for the disk."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable

from headrace.store.book.journal_file import Journal, Piece

OnWritten = Callable[[Piece, OSError | None], None]
"""Told of a piece that it is on disk, or why that is not known."""


class JournalThread:
    """Writes one piece after the other. All of it belongs to the thread of the event loop.

    Args:
        journal: Where to.
        on_written: Called in the event loop for each piece.
    """

    def __init__(self, journal: Journal, on_written: OnWritten) -> None:
        self._journal = journal
        self._on_written = on_written
        self._loop = asyncio.get_running_loop()
        self._pieces: queue.SimpleQueue[Piece | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_all, name="journal", daemon=True)
        self._thread.start()

    def write(self, piece: Piece) -> None:
        """Have a piece written."""
        self._pieces.put(piece)

    def close(self) -> None:
        """Write no more; what is being written is not waited for."""
        self._pieces.put(None)

    def _write_all(self) -> None:
        while (piece := self._pieces.get()) is not None:
            error = None
            try:
                self._journal.write(piece)
            except OSError as found:
                error = found
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._on_written, piece, error)
