"""The log of an execution: windows of it, a search, and the whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import Response, StreamingResponse

from headrace.console.previews import ISOLATED
from headrace.console.rendering import fragment
from headrace.core.errors import InvalidRequest
from headrace.core.executions import Execution
from headrace.logs.files import read_after
from headrace.logs.numbered import FoundLines, Window
from headrace.web.exchange import Exchange
from headrace.web.execution_logs import log_of
from headrace.wire.bodies import log_time

LINES = 500
"""Lines of one window."""

BEFORE = 20
"""Lines that are shown before the one that an address names."""

MAX_LINE = 1 << 40
FOUND = 200
"""So many of the lines that a search finds are listed."""

MAX_TEXT = 200
_PIECE_LINES = 2000


@dataclass(frozen=True, slots=True)
class LogView:
    """The part of a log that the page of an execution shows.

    Attributes:
        window: Some lines.
        text: What is looked for; empty if nothing is.
        found: The lines that have it, or None.
    """

    window: Window
    text: str
    found: FoundLines | None


async def view_asked_for(exchange: Exchange, path: Path) -> LogView:
    """Return the view of a query: a window around ``line`` or at the end, lines with ``find``.

    Raises:
        InvalidRequest: It is no line, or the text is too long.
    """
    numbers, query = exchange.services.logs.numbers, exchange.request.query_params
    text = query.get("find", "").strip()
    first = -LINES
    if query.get("line"):
        first = max(1, exchange.integer("line", 1, at_least=1, at_most=MAX_LINE) - BEFORE)
    window = await asyncio.to_thread(numbers.window, path, first, LINES)
    return LogView(window, text, await _found(exchange, path, text) if text else None)


async def window(exchange: Exchange) -> Response:
    """Send a window as a part of a page: from ``line`` on, or the end."""
    path = await log_of(exchange.services, await _execution(exchange))
    first = exchange.integer("line", -LINES, at_least=-LINES, at_most=MAX_LINE)
    found = await asyncio.to_thread(exchange.services.logs.numbers.window, path, first, LINES)
    return fragment(exchange.request, "parts/log-window.html", window=found)


async def search(exchange: Exchange) -> Response:
    """Send the lines that have ``find`` as a part of a page."""
    found = await _execution(exchange)
    path = await log_of(exchange.services, found)
    text = exchange.request.query_params.get("find", "").strip()
    lines = await _found(exchange, path, text) if text else None
    root = f"/executions/{found.id}"
    return fragment(exchange.request, "parts/log-found.html", text=text, found=lines, root=root)


async def whole(exchange: Exchange) -> Response:
    """Send the whole log as text."""
    path = await log_of(exchange.services, await _execution(exchange))

    async def pieces() -> AsyncIterator[bytes]:
        cursor = 0
        while True:
            lines, after = await asyncio.to_thread(read_after, path, cursor, limit=_PIECE_LINES)
            if after == cursor:
                return
            cursor = after
            yield "".join(f"{log_time(line.at_us)} {line.message}\n" for line in lines).encode()

    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": ISOLATED,
        "X-Content-Type-Options": "nosniff",
    }
    return StreamingResponse(pieces(), headers=headers, media_type="text/plain")


async def _found(exchange: Exchange, path: Path, text: str) -> FoundLines:
    if len(text) > MAX_TEXT:
        raise InvalidRequest(f"find must have at most {MAX_TEXT} characters, not {len(text):,}.")
    search = exchange.services.logs.numbers.search
    return await asyncio.to_thread(search, path, text, after=0, limit=FOUND)


async def _execution(exchange: Exchange) -> Execution:
    return await exchange.services.executions.get(exchange.scope, exchange.name("id"))
