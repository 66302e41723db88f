"""The lock that makes a process the only server of a PostgreSQL database, and how that is noticed.

The lock belongs to a connection, so it goes with the process however that ends. A server whose
connection is lost, while the process goes on, may lose the lock to another one. So whoever gets it
writes a mark of its own into the database, and each transaction that writes looks for its mark.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from headrace.core.errors import Conflict, Unavailable
from headrace.store.postgres.connections import open_postgres
from headrace.store.postgres.marks import MARK_KEY, begin_as
from headrace.store.postgres.place import DatabasePlace
from headrace.store.reading import reason_of
from headrace.store.settings import read_setting, write_setting

logger = logging.getLogger(__name__)

PATIENCE_S = 5.0
"""How long to wait for the connection of a server that was just killed to be gone."""

LOOK_S = 2.0
"""Between two looks whether the lock is still held."""

_SERVERS = 0x7365_7276
_TRY = text(f"SELECT pg_try_advisory_lock({_SERVERS})")
_IS_HELD = text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    " AND objid = :servers AND granted"
).bindparams(servers=_SERVERS)
_PAUSE_S = 0.1


class PostgresClaim:
    """Holds a database for this process until it is closed, however the process ends.

    Args:
        place: The database; it may be without tables yet.
        patience_s: How long to wait for whoever has it, in seconds.

    Attributes:
        mark: By what the database knows this server, from :meth:`begin` on.

    Raises:
        Conflict: Another server runs on it.
        Unavailable: It cannot be reached, or what is between keeps no connection.
    """

    def __init__(self, place: DatabasePlace, patience_s: float = PATIENCE_S) -> None:
        self.mark = secrets.token_hex(8)
        self._place = place
        self._engine = open_postgres(place, read_only=False)
        self._is_over = threading.Event()
        self._watch: threading.Thread | None = None
        deadline = time.monotonic() + patience_s
        try:
            self._connection = self._hold(deadline)
        except BaseException:
            self._engine.dispose()
            raise

    def begin(self, on_lost: Callable[[], None]) -> None:
        """Put the mark into the database, which has its tables, and watch from now on.

        Args:
            on_lost: Called once, in a thread of its own, if another server has taken the database.
        """
        cursor = self._connection.connection.cursor()
        # As all writers do: what a server that is relieved is writing is there before, or never.
        begin_as(cursor, None)
        write_setting(self._connection, MARK_KEY, self.mark)
        cursor.execute("COMMIT")
        cursor.close()
        self._watch = threading.Thread(
            target=self._look_on, args=(on_lost,), name="database-claim", daemon=True
        )
        self._watch.start()

    def close(self) -> None:
        """Release the database for another server."""
        self._is_over.set()
        if self._watch is not None:
            self._watch.join()
        with suppress(SQLAlchemyError):
            self._connection.close()
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _hold(self, deadline: float) -> Connection:
        try:
            connection = self._engine.connect()
            while not connection.scalar(_TRY):
                if time.monotonic() > deadline:
                    connection.close()
                    raise Conflict(
                        f"A server runs on the database {self._place} already: stop it first, or "
                        "name another database."
                    )
                time.sleep(_PAUSE_S)
            held = connection.scalar(_IS_HELD)
        except SQLAlchemyError as error:
            raise Unavailable(
                f"The database {self._place} cannot be used: {reason_of(error)}."
            ) from error
        if not held:
            raise Unavailable(
                f"The way to the database {self._place} gives each transaction another connection: "
                "name the database itself, or a pool whose unit is the session."
            )
        return connection

    def _look_on(self, on_lost: Callable[[], None]) -> None:
        while not self._is_over.wait(LOOK_S):
            try:
                self._connection.scalar(text("SELECT 1"))
            except SQLAlchemyError as error:
                logger.warning("the database does not answer: %s", reason_of(error))
                if not self._is_held_again():
                    on_lost()
                    return

    def _is_held_again(self) -> bool:
        """Get the lock again after its connection was lost; False if another server has it."""
        while not self._is_over.wait(_PAUSE_S):
            with suppress(SQLAlchemyError):
                self._connection.close()
            try:
                # No other server is any nearer to it than this one, so it need not wait.
                self._connection = self._hold(time.monotonic())
                if read_setting(self._connection, MARK_KEY) == self.mark:
                    logger.warning("the database answers again")
                    return True
            except Conflict:
                pass
            except (Unavailable, SQLAlchemyError):
                self._is_over.wait(LOOK_S)
                continue
            logger.error(
                "another server has taken the database %s meanwhile: this one ends", self._place
            )
            return False
        return True
