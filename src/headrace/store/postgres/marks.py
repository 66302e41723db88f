"""The mark of the server that writes to a database, looked for by each transaction that writes."""

from __future__ import annotations

from typing import Any

from headrace.core.errors import Unavailable
from headrace.wire.codec import encode

MARK_KEY = "server_mark"
"""The setting that has the mark."""

WRITERS = 0x6865_6164
"""The lock that whoever writes has: one writer at a time, as everywhere (ADR 0033)."""

_BEGIN = f"BEGIN; SELECT pg_advisory_xact_lock({WRITERS})"
# After the lock: what the one who had it before committed is seen.
_BEGIN_AND_LOOK = f"{_BEGIN}; SELECT value FROM settings WHERE key = '{MARK_KEY}'"  # noqa: S608 - constants


def begin_as(cursor: Any, mark: str | None) -> None:
    """Begin a transaction, and wait for other writers, for a bounded time; one way there and back.

    Args:
        cursor: Of psycopg.
        mark: That of this server; None for one that asks nobody.

    Raises:
        Unavailable: Another server has taken the database.
    """
    if mark is None:
        cursor.execute(_BEGIN, prepare=False)
        return
    cursor.execute(_BEGIN_AND_LOOK, prepare=False)
    cursor.set_result(-1)
    if cursor.fetchall() != [(encode(mark).decode(),)]:
        raise Unavailable("Another server has taken the database of this one.")
