"""Writes that share commits: what all databases of SQL have in common.

One thread owns the writing connection. It takes all writes that wait, runs each in a
savepoint of its own, and commits them together, so that many callers share one sync to disk and
none is told of success before its change is on disk.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Concatenate

from sqlalchemy import Connection, Engine
from sqlalchemy.engine.interfaces import DBAPICursor

from headrace.core.errors import Unavailable
from headrace.store.database import P, R
from headrace.store.reading import Manners, ThreadedReader, reason_of

MAX_GROUP = 128
"""Writes committed together at most, so that the first of them does not wait too long."""


@dataclass(slots=True)
class _Write:
    work: Callable[[Connection], Any]
    future: asyncio.Future[Any]
    is_seen: bool
    result: Any = None
    error: BaseException | None = None


class GroupedDatabase(ThreadedReader):
    """Reads and writes; one connection of its own writes.

    Args:
        reading: As of :class:`ThreadedReader`.
        writing: Leaves transactions to whoever uses it.
        manners: What is particular to its database.
    """

    def __init__(self, reading: Engine, writing: Engine, manners: Manners) -> None:
        super().__init__(reading, manners)
        self._writing = writing
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
        return await self._in_time(future)

    def note_change(self) -> None:
        """Have a change that was made by other means be seen: the revision differs."""
        self._seen_commits += 1

    def close(self) -> None:
        """Commit what waits, then end; the connection that writes is the last one."""
        super().close()
        self._queue.put(None)
        self._writer.join()
        self._writing.dispose()

    def _write_all(self) -> None:
        connection: Connection | None = None
        while (group := self._next_group()) is not None:
            connection = self._commit_by(connection, group)
            _settle(group)
        if connection is not None:
            connection.close()

    def _commit_by(self, connection: Connection | None, group: list[_Write]) -> Connection | None:
        """Commit a group; return the connection for the next one, or None to make another."""
        try:
            connection = connection or self._writing.connect()
            self._commit(connection, group)
            if self._manners.is_lost(connection):
                connection.invalidate()
                connection.close()
                return None
        except Exception as error:  # noqa: BLE001 - whatever it was, each waiting caller must hear of it
            self._refuse(group, error)
            return None
        return connection

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
            self._manners.begin(cursor)
            if len(group) == 1:
                # By itself it needs no savepoint: if it fails, there is nothing else to keep.
                group[0].result = group[0].work(connection)
            else:
                for item in group:
                    self._run_in_savepoint(connection, cursor, item)
            cursor.execute("COMMIT")
            self._seen_commits += any(item.is_seen for item in group)
        except Exception as error:  # noqa: BLE001 - whatever it was, each waiting caller must hear of it
            _roll_back(connection, cursor)
            self._refuse(group, error)
        finally:
            cursor.close()

    def _run_in_savepoint(self, connection: Connection, cursor: DBAPICursor, item: _Write) -> None:
        cursor.execute("SAVEPOINT one")
        try:
            item.result = item.work(connection)
        except Exception as error:
            if self._manners.is_of_the_database(error):
                raise
            item.error = error
            cursor.execute("ROLLBACK TO one")
        cursor.execute("RELEASE one")

    def _refuse(self, group: list[_Write], error: Exception) -> None:
        """Give each caller the reason why nothing was kept."""
        if len(group) == 1 and not self._manners.is_of_the_database(error):
            # The error of the only one is its own, as it would be with others beside it.
            group[0].error = error
            return
        # Without the statement: it is one caller's, and all that share the commit hear the reason.
        reason = Unavailable(f"The database could not store the change: {reason_of(error)}.")
        reason.__cause__ = error
        for item in group:
            item.error = item.error or reason


def _roll_back(connection: Connection, cursor: DBAPICursor) -> None:
    try:
        cursor.execute("ROLLBACK")
    except connection.dialect.loaded_dbapi.Error:
        # The database has rolled back by itself already: disk full, I/O error, connection lost.
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
