"""Answers that hold log lines: by time, or followed as they come."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from headrace.core.errors import InvalidRequest
from headrace.core.loglines import LogLine
from headrace.logs.files import read_after, read_lines
from headrace.web.exchange import Exchange, bounded
from headrace.wire.answers import MAX_HOLD_S, Answer
from headrace.wire.bodies import log_item, log_page

MAX_LINES = 10_000
_POLL_S = 0.15
_MAX_TIME_MS = 1 << 53


async def lines_between(
    exchange: Exchange, path: Path, item: Callable[[LogLine], dict[str, Any]] = log_item
) -> list[dict[str, Any]]:
    """Return the lines that the body's ``from``, ``to`` (epoch milliseconds) and ``limit`` name.

    Each is made by ``item``.

    Raises:
        InvalidRequest: A key is unknown or no integer.
    """
    body = await exchange.json_object()
    unknown = sorted(set(body) - {"from", "to", "limit"})
    if unknown:
        raise InvalidRequest(f"Unknown key {', '.join(unknown)}; the keys are from, to and limit.")
    times = {
        key: bounded(body[key], key, at_least=0, at_most=_MAX_TIME_MS) * 1000
        for key in ("from", "to")
        if body.get(key) is not None
    }
    limit = body.get("limit")
    count = MAX_LINES if limit is None else bounded(limit, "limit", at_least=0, at_most=10**9)
    lines = await asyncio.to_thread(
        read_lines,
        path,
        limit=min(count, MAX_LINES),
        from_us=times.get("from"),
        to_us=times.get("to"),
    )
    return [item(line) for line in lines]


async def followed_lines(
    exchange: Exchange,
    path: Path,
    has_ended: Callable[[], Awaitable[bool]],
    item: Callable[[LogLine], dict[str, Any]] = log_item,
) -> Answer:
    """Answer with the lines after the query's ``cursor``, held until there are some.

    Args:
        exchange: The request.
        path: The log.
        has_ended: Checks whether no more lines will be written.
        item: Makes the body of a line.
    """
    cursor = exchange.integer("cursor", 0, at_least=0, at_most=1 << 62)
    limit = exchange.integer("limit", 2000, at_least=1, at_most=MAX_LINES)
    hold = exchange.integer("wait_s", 0, at_least=0, at_most=3600)
    deadline = asyncio.get_running_loop().time() + min(hold, MAX_HOLD_S)
    while True:
        # Asked before the read, so that lines written in between are not missed.
        ended = await has_ended()
        lines, after = await asyncio.to_thread(read_after, path, cursor, limit=limit)
        is_complete = ended and len(lines) < limit
        if lines or is_complete or asyncio.get_running_loop().time() >= deadline:
            shown = [item(line) for line in lines]
            return Answer(log_page(shown, after, is_complete=is_complete))
        await asyncio.sleep(_POLL_S)
