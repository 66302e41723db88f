"""The health of the server that runs on a data directory, for ``headrace check``."""

from __future__ import annotations

import asyncio
import http.client
import json
from contextlib import closing, suppress
from typing import Any
from urllib.parse import urlsplit

from headrace.engines.ray.looking import look_at
from headrace.engines.ray.settings import RaySettings
from headrace.server.claim import is_claimed
from headrace.server.data_directory import DataDirectory
from headrace.wire.routes import HEALTH

_PATIENCE_S = 5.0
"""Longer than a server takes for all of its health."""


def health_of_running(directory: DataDirectory) -> tuple[str, list[str]] | None:
    """Return the address of the server that runs on a directory, and what is wrong with it.

    None if none answers.
    """
    # The address is that of the last start: another server may have it by now.
    if not is_claimed(directory.root):
        return None
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


def nodes_of(cluster: RaySettings) -> list[str]:
    """Return a line for each node of a cluster that answers first.

    Raises:
        Unavailable: The cluster cannot be used; the message says why.
    """
    return [
        f"{node.name} ({node.address}): {node.processors:g} processors, "
        f"{node.problem or 'takes executions'}"
        for node in asyncio.run(look_at(cluster))
    ]


def _wrong(found: Any) -> list[str]:
    """Return the parts that are not well, of the refusal of a server."""
    with suppress(AttributeError, KeyError, TypeError):
        parts = found["additional_data"].items()
        return [f"{name}: {part['error']}" for name, part in parts if part["status"] != "ok"]
    return ["it does not say what"]
