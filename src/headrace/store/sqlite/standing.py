"""The state of the environment, read from a database that a server may be writing to."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from headrace.core.standby import Standing
from headrace.store.settings import STANDING, standing_from
from headrace.wire.codec import decode


def standing_in(database: Path) -> Standing:
    """Return the state of the environment that a database records, and change nothing of it."""
    if not database.exists():
        return Standing()
    # Not through an engine of this program, which would begin a write-ahead log.
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as opened:
        try:
            query = "SELECT value FROM settings WHERE key = ?"
            row = opened.execute(query, [STANDING]).fetchone()
        except sqlite3.OperationalError:
            # An empty file has no tables yet.
            row = None
    return standing_from(None if row is None else decode(row[0], STANDING))
