"""Connections to PostgreSQL: how they are set up, and what their errors mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors as kinds
from psycopg.types.string import StrDumper
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from headrace.core.errors import Unavailable
from headrace.store.errors import Dangling, Duplicate, Refused
from headrace.store.postgres.place import DatabasePlace
from headrace.store.reading import reason_of

CONNECT_S = 5
"""How long a connection may take to be made."""

SILENCE_S = 15
"""After how long without a sign of life a connection counts as lost."""

LOCK_S = 10
"""How long a transaction waits for another one that writes."""

STATEMENT_S = 60
"""How long one statement may take."""

PAUSE_S = 15
"""How long a transaction may rest between two statements, so that one that hangs frees others."""

PATIENCE_S = float(CONNECT_S + LOCK_S + STATEMENT_S + SILENCE_S)
"""How long a caller waits at most: one that is there and hangs keeps no bound of its own."""

NUL, ITS_SIGN = "\0", "\u2400"
"""PostgreSQL keeps no text with a NUL; the sign for it is stored instead."""

_REFUSALS: dict[type[psycopg.Error], type[Refused]] = {
    kinds.ForeignKeyViolation: Dangling,
    kinds.UniqueViolation: Duplicate,
}


class _TextDumper(StrDumper):
    """Text as it is stored: with a visible sign where it has a NUL."""

    def dump(self, obj: str) -> Any:
        """Return the bytes of a text."""
        return super().dump(obj.replace(NUL, ITS_SIGN) if NUL in obj else obj)


def open_postgres(place: DatabasePlace, *, read_only: bool) -> Engine:
    """Return an engine whose connections are given up when the database is silent.

    The writing engine leaves transactions to its user; each of the reading one sees one state of
    the database and refuses to write.
    """
    options = {
        "statement_timeout": f"{STATEMENT_S}s",
        "lock_timeout": f"{LOCK_S}s",
        "idle_in_transaction_session_timeout": f"{PAUSE_S}s",
        "timezone": "UTC",
    }
    reads = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    engine = create_engine(
        "postgresql+psycopg://",
        creator=lambda: psycopg.connect(
            place.url,
            connect_timeout=CONNECT_S,
            keepalives_idle=SILENCE_S // 3,
            keepalives_interval=SILENCE_S // 3,
            keepalives_count=2,
            tcp_user_timeout=SILENCE_S * 1000,
            fallback_application_name="headrace",
            client_encoding="UTF8",
            options=" ".join(f"-c {name}={value}" for name, value in options.items()),
        ),
        poolclass=NullPool,
        execution_options=reads if read_only else {"isolation_level": "AUTOCOMMIT"},
        # Values may be secrets, and errors come into the log.
        hide_parameters=True,
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: psycopg.Connection[Any], _record: Any) -> None:
        connection.adapters.register_dumper(str, _TextDumper)
        if not read_only:
            # Only the weakest is not enough: more than "on" stays as the operator has it.
            connection.autocommit = True
            connection.execute(
                "SELECT set_config('synchronous_commit', 'on', false) "
                "WHERE current_setting('synchronous_commit') = 'off'"
            )

    event.listen(engine, "handle_error", _say_what_was_refused)
    return engine


@contextmanager
def connected(place: DatabasePlace) -> Iterator[Connection]:
    """Connect to a database for once, by a connection that leaves transactions to its user.

    Raises:
        Unavailable: It cannot be reached, or says that something is wrong.
    """
    engine = open_postgres(place, read_only=False)
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        raise Unavailable(f"The database {place} cannot be used: {reason_of(error)}.") from error
    finally:
        engine.dispose()


def _say_what_was_refused(context: ExceptionContext) -> None:
    """Raise the store's own error for a refusal of the schema."""
    error = context.original_exception
    if isinstance(error, psycopg.IntegrityError):
        raise _REFUSALS.get(type(error), Refused)(str(error)) from error
