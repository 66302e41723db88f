"""Let time pass for the schedules of a database, instead of waiting for it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

MINUTE_US = 60_000_000

_SHIFTS = (
    # By way of negative numbers, because fire times are part of keys and must not meet on the way.
    "UPDATE ledger SET fire_at = -fire_at",
    "UPDATE ledger SET fire_at = -fire_at - :us",
    "UPDATE schedule_revisions SET since = -since",
    "UPDATE schedule_revisions SET since = -since - :us, until = until - :us",
    "UPDATE schedules SET next_fire_at = next_fire_at - :us, due_at = due_at - :us",
    "UPDATE executions SET fire_at = fire_at - :us WHERE fire_at IS NOT NULL",
)


def let_pass(database: Path, minutes: int) -> None:
    """Set all that schedules know of back, as if the server had slept for so long.

    Only schedules whose period divides ``minutes`` keep their fire times.
    """
    with closing(sqlite3.connect(database, timeout=60)) as connection, connection:
        connection.execute("BEGIN IMMEDIATE")
        for statement in _SHIFTS:
            connection.execute(statement, {"us": minutes * MINUTE_US})
