"""Settings, read from a database that a server may be writing to."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from headrace.core.standby import Standing
from headrace.store.settings import STANDING, standing_from
from headrace.wire.codec import decode


def standing_in(database: Path) -> Standing:
    """Return the state of the environment that a database records, and change nothing of it."""
    return standing_from(setting_in(database, STANDING))


def setting_in(database: Path, key: str) -> Any:
    """Return a setting that a database records, or None; nothing of it is changed."""
    if not database.exists():
        return None
    # Not through an engine of this program, which would begin a write-ahead log.
    with closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as opened:
        try:
            row = opened.execute("SELECT value FROM settings WHERE key = ?", [key]).fetchone()
        except sqlite3.OperationalError:
            # An empty file has no tables yet.
            row = None
    return None if row is None else decode(row[0], key)
