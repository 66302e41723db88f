"""The book that the database is: rows in one transaction with all others that wait."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from headrace.core.errors import Unavailable
from headrace.store.book.port import OnDone, Verdict
from headrace.store.book.rows import record
from headrace.store.database import Database
from headrace.store.execution_row import Row
from headrace.store.patience import pauses

logger = logging.getLogger(__name__)

CLOSING_S = 5.0
"""How long a server that ends goes on trying to record calls that nobody was answered."""


class DatabaseBook:
    """Rows in the database, which is asked again for as long as it takes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._loop = asyncio.get_running_loop()
        self._waiting: list[tuple[Row, OnDone]] = []
        self._writing: asyncio.Task[None] | None = None
        self._closed_at: float | None = None

    def append(self, row: Row, on_done: OnDone, *, is_alone: bool = False) -> None:  # noqa: ARG002 - it is never written in this thread
        """Put a row on disk; see the port. It is refused only if it can never be recorded."""
        self._waiting.append((row, on_done))
        if self._writing is None:
            self._writing = self._loop.create_task(self._write_all(), name="database book")

    def move_all(self) -> None:
        """Do nothing: no rows are anywhere else."""

    async def close(self) -> None:
        """Write what waits, or give it up; see the port."""
        self._closed_at = self._loop.time()
        if self._writing is not None:
            await asyncio.wait({self._writing}, timeout=2 * CLOSING_S)
        if self._writing is not None:
            # A commit that hangs; what it is about is refused by the task.
            self._writing.cancel()
            await asyncio.wait({self._writing})

    def describe(self) -> str:
        """Say that no rows are anywhere else; see the port."""
        return "all calls that were answered are in the database."

    async def _write_all(self) -> None:
        waits = pauses()
        taken: list[tuple[Row, OnDone]] = []
        try:
            while self._waiting:
                taken, self._waiting = self._waiting, []
                try:
                    verdicts = await keep(self._database, [row for row, _ in taken])
                except Unavailable as error:
                    logger.error("calls not recorded yet: %s", error.message)
                    self._waiting[:0], taken = taken, []
                    if self._is_over():
                        return
                    await asyncio.sleep(next(waits))
                else:
                    waits = pauses()
                    told, taken = taken, []
                    _tell(told, verdicts)
        finally:
            self._give_up([*taken, *self._waiting])
            self._writing, self._waiting = None, []

    def _is_over(self) -> bool:
        """Check whether the server ends, and has tried long enough."""
        return self._closed_at is not None and self._loop.time() - self._closed_at > CLOSING_S

    def _give_up(self, rows: Sequence[tuple[Row, OnDone]]) -> None:
        if rows:
            logger.error(
                "%d calls are not on record, and their callers are told so: %s",
                len(rows),
                ", ".join(row[0] for row, _ in rows[:20]),
            )
        for _, on_done in rows:
            on_done(Verdict.REFUSED)


def _tell(taken: Sequence[tuple[Row, OnDone]], verdicts: Mapping[str, Verdict]) -> None:
    for row, on_done in taken:
        on_done(verdicts.get(row[0], Verdict.KEPT))


async def keep(database: Database, rows: Sequence[Row]) -> dict[str, Verdict]:
    """Write rows to the database; return the verdict of each that is not kept, by its id.

    They are written together; if one of them cannot be, each by itself, so that it alone is
    refused.

    Raises:
        Unavailable: The database takes nothing now. Some may be there.
    """
    try:
        return dict.fromkeys(await database.write(record, rows), Verdict.GONE)
    except Unavailable:
        raise
    except Exception:
        if len(rows) == 1:
            logger.exception("call %s could not be recorded", rows[0][0])
            return {rows[0][0]: Verdict.REFUSED}
        logger.exception("%d calls could not be recorded together", len(rows))
    verdicts: dict[str, Verdict] = {}
    for row in rows:
        verdicts |= await keep(database, [row])
    return verdicts
