"""Moves rows of the journal to the database, many at a time, before anybody reads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from headrace.core.errors import Unavailable
from headrace.store.book.database import keep
from headrace.store.book.journal_file import Journal
from headrace.store.database import Database
from headrace.store.execution_row import Row
from headrace.store.patience import pauses

logger = logging.getLogger(__name__)

MOVE_AFTER_S = 0.1
"""How long a row may be in the journal alone. Whoever reads the database has it moved at once."""

MOVE_ROWS = 2000
"""With so many rows the journal is not left to fill up further."""

WRITE_ROWS = 500
"""Rows of one transaction. It takes some milliseconds, for which all other writers wait."""

CLOSING_S = 5.0
"""How long a server that ends waits for the last rows; the next start moves what is left."""


class Mover:
    """Empties the journal. All of it belongs to the thread of the event loop."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_due = False
        self._is_closed = False
        self._is_refused = False  # whether the database did not take the last rows
        self._readers: list[asyncio.Future[None]] = []

    def note_rows(self) -> None:
        """Plan a move for rows that the journal has taken."""
        if self._is_due or self._journal.count >= MOVE_ROWS:
            self._begin()
        elif self._timer is None and self._task is None:
            self._timer = self._loop.call_later(MOVE_AFTER_S, self._begin)

    def make_room(self) -> bool:
        """Move the rows of the journal; return whether it takes others at once."""
        if self._task is not None:
            return False
        self._begin()
        return self._task is not None

    def move_all(self) -> asyncio.Future[None] | None:
        """Move all rows that are there; return what is then done, or None if there are none.

        While the database takes nothing, whoever reads is not kept waiting for it.
        """
        if self._journal.is_empty or self._is_refused:
            return None
        reader: asyncio.Future[None] = self._loop.create_future()
        self._readers.append(reader)
        self._begin()
        return reader

    async def close(self) -> None:
        """Move what is left, unless that takes too long; nothing is moved afterwards."""
        self._begin()
        self._is_closed = True
        if self._task is not None:
            await asyncio.wait({self._task}, timeout=CLOSING_S)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        _let_go(self._readers)
        if not self._journal.is_empty:
            logger.warning(
                "calls that were answered stay in %s for the next start", self._journal.path
            )

    def _begin(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._task is not None or self._is_closed:
            # What runs looks again at its end.
            return
        self._is_due = self._journal.is_writing
        if self._is_due:
            return
        rows = self._journal.unmoved or self._journal.turn()
        if not rows:
            _let_go(self._readers)
            return
        readers, self._readers = self._readers, []
        self._task = self._loop.create_task(self._move_all(rows, readers), name="mover")

    async def _move_all(self, rows: Sequence[Row], readers: list[asyncio.Future[None]]) -> None:
        """Move rows, and forget them only once all of them are in the database."""
        try:
            await self._move(rows, readers)
            self._journal.clear()
            self._is_refused = False
        except OSError as error:
            logger.error("the journal of calls is not used any more: %s", error)
        except Exception:
            logger.exception("%d calls are not moved yet", len(rows))
        finally:
            _let_go(readers)
            self._task = None
        if self._readers:
            self._begin()
        elif not self._journal.is_empty and not self._is_closed:
            self.note_rows()

    async def _move(self, rows: Sequence[Row], readers: list[asyncio.Future[None]]) -> None:
        for begin in range(0, len(rows), WRITE_ROWS):
            waits = pauses()
            while not await self._is_moved(rows[begin : begin + WRITE_ROWS]):
                self._is_refused = True
                _let_go(readers)
                _let_go(self._readers)
                await asyncio.sleep(next(waits))

    async def _is_moved(self, rows: Sequence[Row]) -> bool:
        try:
            # What can never be recorded stays out of the database, so that the others get there.
            await keep(self._database, rows)
        except Unavailable as error:
            logger.error("calls are not moved yet: %s", error.message)
            return False
        return True


def _let_go(readers: list[asyncio.Future[None]]) -> None:
    """Release the readers that wait."""
    for reader in readers:
        if not reader.done():
            reader.set_result(None)
    readers.clear()
