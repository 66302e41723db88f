"""Reads and writes of an SQLite file (:mod:`headrace.store.database`).

One thread owns the writing connection. It takes all writes that wait, runs each in a
savepoint of its own, and commits them together, so that many callers share one sync to disk and
none is told of success before its change is on disk.
"""

from __future__ import annotations

import asyncio
import queue
import secrets
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Concatenate

from sqlalchemy import Connection, Engine
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError

from headrace.core.errors import Unavailable
from headrace.store.database import P, R
from headrace.store.sqlite.connections import open_sqlite

MAX_GROUP = 128
"""Writes committed together at most, so that the first of them does not wait too long."""

READ_THREADS = 4


@dataclass(slots=True)
class _Write:
    work: Callable[[Connection], Any]
    future: asyncio.Future[Any]
    is_seen: bool
    result: Any = None
    error: BaseException | None = None


class SqliteReader:
    """Reads in a pool of threads, each with a connection of its own."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._start = secrets.token_hex(4)
        self._seen_commits = 0
        self._threads = ThreadPoolExecutor(READ_THREADS, thread_name_prefix="sql-read")
        self._local = threading.local()

    @property
    def revision(self) -> str:
        """A text that differs after each change that can be seen, and after each start."""
        return f"{self._start}-{self._seen_commits}"

    async def read(
        self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return ``work(connection, ...)``, run in one read transaction."""

        def run() -> R:
            connection = self._connection()
            try:
                with connection.begin():
                    return work(connection, *args, **kwargs)
            except DBAPIError as error:
                if not _is_of_the_disk(error):
                    raise
                raise Unavailable(f"The database did not answer: {error.orig}.") from error

        return await asyncio.get_running_loop().run_in_executor(self._threads, run)

    def close(self) -> None:
        """Wait for the reads that run, then end."""
        self._threads.shutdown()
        self._engine.dispose()

    def _connection(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._engine.connect()
        return connection


class SqliteDatabase(SqliteReader):
    """Reads and writes; the connection that writes is the only one that checkpoints."""

    def __init__(self, path: Path) -> None:
        super().__init__(open_sqlite(path, read_only=True))
        self._writing = open_sqlite(path, read_only=False)
        self._queue: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._writer = threading.Thread(target=self._write_all, name="sql-write", daemon=True)
        self._writer.start()

    async def write(
        self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return ``work(connection, ...)`` after its change is on disk."""
        return await self._put(lambda connection: work(connection, *args, **kwargs), is_seen=True)

    async def write_unseen(
        self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Do the same as ``write`` for a change that nobody looks at: the revision stays."""
        return await self._put(lambda connection: work(connection, *args, **kwargs), is_seen=False)

    async def _put(self, work: Callable[[Connection], R], *, is_seen: bool) -> R:
        future: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._queue.put(_Write(work, future, is_seen))
        return await future

    def close(self) -> None:
        """Commit what waits, then end; the connection that writes is the last one."""
        super().close()
        self._queue.put(None)
        self._writer.join()
        self._writing.dispose()

    def _write_all(self) -> None:
        with self._writing.connect() as connection:
            while (group := self._next_group()) is not None:
                self._commit(connection, group)
                _settle(group)

    def _next_group(self) -> list[_Write] | None:
        first = self._queue.get()
        if first is None:
            return None
        group = [first]
        while len(group) < MAX_GROUP:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is None:
                self._queue.put(None)
                break
            group.append(item)
        return group

    def _commit(self, connection: Connection, group: list[_Write]) -> None:
        cursor = connection.connection.cursor()
        try:
            cursor.execute("BEGIN IMMEDIATE")
            if len(group) == 1:
                # By itself it needs no savepoint: if it fails, there is nothing else to keep.
                group[0].result = group[0].work(connection)
            else:
                for item in group:
                    _run_in_savepoint(connection, cursor, item)
            cursor.execute("COMMIT")
            self._seen_commits += any(item.is_seen for item in group)
        except Exception as error:  # noqa: BLE001 - whatever it was, each waiting caller must hear of it
            _roll_back(cursor)
            _refuse(group, error)
        finally:
            cursor.close()


def _is_of_the_disk(error: Exception) -> bool:
    """Check whether an error is of the database itself, and not of what one caller wanted of it.

    A full or failing disk is an operational error; a damaged file is of no kind in particular.
    """
    return isinstance(error, OperationalError | sqlite3.Error) or type(error) is DatabaseError


def _refuse(group: list[_Write], error: Exception) -> None:
    """Give each caller the reason why nothing was kept."""
    if len(group) == 1 and not _is_of_the_disk(error):
        # The error of the only one is its own, as it would be with others beside it.
        group[0].error = error
        return
    # Without the statement: it is one caller's, and all that share the commit are told the reason.
    why = error.orig if isinstance(error, DBAPIError) else error
    reason = Unavailable(f"The database could not store the change: {why}.")
    reason.__cause__ = error
    for item in group:
        item.error = item.error or reason


def _run_in_savepoint(connection: Connection, cursor: DBAPICursor, item: _Write) -> None:
    cursor.execute("SAVEPOINT one")
    try:
        item.result = item.work(connection)
    except Exception as error:
        if _is_of_the_disk(error):
            raise
        item.error = error
        cursor.execute("ROLLBACK TO one")
    cursor.execute("RELEASE one")


def _roll_back(cursor: DBAPICursor) -> None:
    try:
        cursor.execute("ROLLBACK")
    except sqlite3.Error:
        # SQLite has rolled back by itself already (disk full, I/O error).
        return


def _settle(group: list[_Write]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Write]] = {}
    for item in group:
        by_loop.setdefault(item.future.get_loop(), []).append(item)
    for loop, items in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, items)


def _resolve(items: list[_Write]) -> None:
    for item in items:
        if item.future.done():
            continue
        if item.error is None:
            item.future.set_result(item.result)
        else:
            item.future.set_exception(item.error)
