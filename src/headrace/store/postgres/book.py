"""The book of ends of calls: one statement for all that came together, by a thread of its own.

It is what the journal is where records are in a file. An end is a row that nobody else writes, so
it needs neither the lock of writers nor a transaction of several statements: it goes to the
database and back once. What is refused here goes to the book of the database, which asks what is
wrong with each row, and goes on asking while the database takes nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from sqlalchemy import PoolProxiedConnection
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import SQLAlchemyError

from headrace.store.book.port import OnDone, Verdict
from headrace.store.execution_row import COLUMNS, Row, is_end
from headrace.store.fence import FOLLOWS
from headrace.store.postgres.connections import open_postgres
from headrace.store.postgres.place import DatabasePlace
from headrace.store.tables import executions

logger = logging.getLogger(__name__)

MAX_ROWS = 500
"""Rows of one statement, so that the first of them does not wait too long."""

CLOSING_S = 5.0
"""How long a server that ends waits for a database that does not answer."""

_CHANGES = ("status", "started_at", "ended_at", "outputs", "failure_kind", "failure_message")


def _statement() -> str:
    """Return the statement, whose parameters are one list for each column."""
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    kinds = [executions.c[name].type.compile(dialect) for name in COLUMNS]
    lists = ", ".join(f"%s::{kind}[]" for kind in kinds)
    changes = ", ".join(f"{name} = excluded.{name}" for name in _CHANGES)
    return (
        f"INSERT INTO executions ({', '.join(COLUMNS)}) SELECT * FROM unnest({lists}) "  # noqa: S608 - names of columns alone
        f"ON CONFLICT (id) DO UPDATE SET {changes} WHERE {FOLLOWS}"
    )


class EndsBook:
    """Rows of ends in the database; see the module. All of it belongs to the event loop's thread.

    Args:
        place: The database.
        note_change: Called after rows were kept, so that those who look again see them.
    """

    def __init__(self, place: DatabasePlace, note_change: Callable[[], None]) -> None:
        self._engine = open_postgres(place, read_only=False)
        self._note_change = note_change
        self._loop = asyncio.get_running_loop()
        self._statement = _statement()
        self._waiting: list[tuple[Row, OnDone]] = []
        self._writing: list[tuple[Row, OnDone]] = []
        self._is_due = False
        self._emptied: asyncio.Event | None = None  # set when nothing waits, if somebody asks
        self._pieces: queue.SimpleQueue[list[Row] | None] = queue.SimpleQueue()
        threading.Thread(target=self._write_pieces, name="ends", daemon=True).start()

    def append(self, row: Row, on_done: OnDone, *, is_alone: bool = False) -> None:  # noqa: ARG002 - it is never written in this thread
        """Put a row on disk; see the port."""
        if not is_end(row):
            on_done(Verdict.REFUSED)
            return
        self._waiting.append((row, on_done))
        if not self._is_due and not self._writing:
            self._is_due = True
            # Not at once: what comes in this turn of the loop and the next is written together.
            self._loop.call_soon(self._loop.call_soon, self._write_waiting)

    def move_all(self) -> None:
        """Do nothing: no rows are anywhere else."""

    async def close(self) -> None:
        """Write what waits, or give it up; see the port."""
        if self._waiting or self._writing:
            self._emptied = asyncio.Event()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._emptied.wait(), CLOSING_S)
        self._refuse([*self._writing, *self._waiting])
        self._writing, self._waiting = [], []
        self._pieces.put(None)

    def describe(self) -> str:
        """Say that no rows are anywhere else; see the port."""
        return "all calls that were answered are in the database."

    def _write_waiting(self) -> None:
        """Have the thread write rows that came since the last time."""
        self._is_due = False
        self._writing, self._waiting = self._waiting[:MAX_ROWS], self._waiting[MAX_ROWS:]
        if self._writing:
            self._pieces.put([row for row, _ in self._writing])

    def _write_pieces(self) -> None:
        """Write one piece after the other; all that the thread does."""
        connection: PoolProxiedConnection | None = None
        while (rows := self._pieces.get()) is not None:
            error: Exception | None = None
            try:
                connection = connection or self._engine.raw_connection()
                made: Any = connection.driver_connection
                made.execute(self._statement, [list(column) for column in zip(*rows, strict=True)])
            except (psycopg.Error, SQLAlchemyError, TypeError, ValueError) as found:
                error = found
                if connection is not None:
                    # Another one is made for the next rows, whatever was wrong with this one.
                    connection.invalidate()
                    connection = None
            if not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._hear, error)
        if connection is not None:
            connection.close()

    def _hear(self, error: Exception | None) -> None:
        """Take what the thread says of the rows that it had."""
        written, self._writing = self._writing, []
        # First, so that the next ones are under way while callers are answered.
        self._write_waiting()
        if error is None:
            for _, on_done in written:
                on_done(Verdict.KEPT)
            self._note_change()
        else:
            logger.info("%d ends are for the other book: %s", len(written), error)
            self._refuse(written)
        if self._emptied is not None and not self._waiting and not self._writing:
            self._emptied.set()

    def _refuse(self, rows: Sequence[tuple[Row, OnDone]]) -> None:
        for _, on_done in rows:
            on_done(Verdict.REFUSED)
