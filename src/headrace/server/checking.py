"""What ``headrace check`` says of a data directory and of the server that runs on it."""

from __future__ import annotations

import http.client
import json
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from headrace.core.standby import Standing
from headrace.server.data_directory import DataDirectory
from headrace.store.settings import STANDING, standing_from
from headrace.wire.codec import decode
from headrace.wire.routes import HEALTH

_PATIENCE_S = 5.0
"""Longer than a server takes for all of its health."""


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


def health_of_running(directory: DataDirectory) -> tuple[str, list[str]] | None:
    """Return the address of the server that runs on a directory, and what is wrong with it.

    None if none answers.
    """
    try:
        address = directory.address.read_text()
        where = urlsplit(address)
        with closing(
            http.client.HTTPConnection(where.hostname or "", where.port, timeout=_PATIENCE_S)
        ) as connection:
            connection.request(HEALTH.method, HEALTH.url())
            answer = connection.getresponse()
            found = json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError):
        return None
    return address, [] if answer.status == http.client.OK else _wrong(found)


def _wrong(found: Any) -> list[str]:
    """Return the parts that are not well, of the refusal of a server."""
    with suppress(AttributeError, KeyError, TypeError):
        parts = found["additional_data"].items()
        return [f"{name}: {part['error']}" for name, part in parts if part["status"] != "ok"]
    return ["it does not say what"]
