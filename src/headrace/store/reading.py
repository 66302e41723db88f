"""Reads in threads, as all databases of SQL are read, with what differs between these."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.engine.interfaces import DBAPICursor
from sqlalchemy.exc import DBAPIError

from headrace.core.errors import Unavailable
from headrace.store.database import P, R

READ_THREADS = 4


class Manners(Protocol):
    """What differs between databases in how they are read and written.

    Attributes:
        patience_s: How long a caller waits at most for one that says nothing; None for one that
            is a file of this machine, which fails with its disk.
    """

    patience_s: float | None

    def begin(self, cursor: DBAPICursor) -> None:
        """Begin a transaction that no other writer is in at the same time."""
        ...

    def is_of_the_database(self, error: Exception) -> bool:
        """Check whether an error is of the database itself, and not of what one caller wanted."""
        ...

    def is_lost(self, connection: Connection) -> bool:
        """Check whether a connection cannot be used any more, and another one may be made."""
        ...


class ThreadedReader:
    """Reads in a pool of threads, each with a connection of its own.

    Args:
        engine: Opens transactions by itself, and refuses to write.
        manners: What is particular to its database.
    """

    def __init__(self, engine: Engine, manners: Manners) -> None:
        self._engine = engine
        self._manners = manners
        self._start = secrets.token_hex(4)
        self._seen_commits = 0
        self._threads = ThreadPoolExecutor(READ_THREADS, thread_name_prefix="sql-read")
        self._local = threading.local()

    @property
    def revision(self) -> str:
        """What differs after each change that can be seen, and after each start."""
        return f"{self._start}-{self._seen_commits}"

    async def read(
        self, work: Callable[Concatenate[Connection, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """Return ``work(connection, ...)``, run in one read transaction."""

        def once() -> R:
            connection = self._connection()
            with connection.begin():
                return work(connection, *args, **kwargs)

        def run() -> R:
            try:
                try:
                    return once()
                except DBAPIError as error:
                    if not error.connection_invalidated:
                        raise
                    # It ended since it was used last, as after a restart of the database.
                    return once()
            except DBAPIError as error:
                if not self._manners.is_of_the_database(error):
                    raise
                raise Unavailable(f"The database did not answer: {reason_of(error)}.") from error

        loop = asyncio.get_running_loop()
        return await self._in_time(loop.run_in_executor(self._threads, run))

    def close(self) -> None:
        """Wait for the reads that run, then end."""
        self._threads.shutdown()
        self._engine.dispose()

    async def _in_time(self, asked: asyncio.Future[R]) -> R:
        """Return what was asked for, unless the database says nothing for too long."""
        patience_s = self._manners.patience_s
        if patience_s is None:
            return await asked
        try:
            await asyncio.wait({asked}, timeout=patience_s)
        except asyncio.CancelledError:
            asked.cancel()
            raise
        if asked.done():
            return asked.result()
        # Nobody is left to hear of an error.
        asked.add_done_callback(_drop)
        raise Unavailable(
            f"The database has said nothing for {patience_s:g} s. What it was asked to change may "
            "change all the same."
        )

    def _connection(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._engine.connect()
        return connection


def reason_of(error: Exception) -> str:
    """Return what a database said, without the statement and without what follows."""
    said = str(error.orig if isinstance(error, DBAPIError) else error).strip()
    return said.partition("\n")[0].rstrip(".") or type(error).__name__


def _drop(asked: asyncio.Future[Any]) -> None:
    if not asked.cancelled():
        asked.exception()
