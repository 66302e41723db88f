"""Server-sent events: a page hears that something changed, and asks for itself anew.

An event's id is the revision of the records. A page names the one that it was made of, and a
browser that connects again the last one that it heard of: if that is not the present one, because
the laptop slept or the server was started again, it is told at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

from headrace.core.errors import Unavailable
from headrace.web.exchange import Exchange

MAX_STREAMS = 256
"""Pages that are told at the same time."""

LOOK_S = 0.5
SIGN_OF_LIFE_S = 15.0
"""Proxies close connections on which nothing comes for long."""

STREAM_S = 600.0
"""A stream ends after that, and the browser connects again with the rights that it then has."""


class Listeners:
    """The streams that are open."""

    def __init__(self) -> None:
        self._count = 0

    async def events(self, exchange: Exchange) -> Response:
        """Send an event whenever something changed.

        Raises:
            Unavailable: Too many pages listen already.
        """
        if self._count >= MAX_STREAMS:
            raise Unavailable(
                f"{MAX_STREAMS} pages are told of changes already; this one is up to date when it "
                "is loaded again.",
                details={"retry_after_s": 30},
            )
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        request = exchange.request
        known = request.headers.get("last-event-id") or request.query_params.get("known")
        return StreamingResponse(
            self._changes(exchange, known), headers=headers, media_type="text/event-stream"
        )

    async def _changes(self, exchange: Exchange, known: str | None) -> AsyncIterator[bytes]:
        lookups, scope = exchange.services.lookups, exchange.scope
        clock = asyncio.get_running_loop()
        if self._count >= MAX_STREAMS:
            # As many began at the same time; the browser tries again.
            return
        self._count += 1
        try:
            end, said_at = clock.time() + STREAM_S, clock.time()
            known = known or lookups.revision(scope)
            yield b"retry: 2000\nid: %b\n\n" % known.encode()
            while clock.time() < end and not exchange.services.ending.has_begun:
                revision = lookups.revision(scope)
                if revision != known:
                    known, said_at = revision, clock.time()
                    yield b"event: changed\nid: %b\ndata:\n\n" % revision.encode()
                elif clock.time() > said_at + SIGN_OF_LIFE_S:
                    said_at = clock.time()
                    yield b": nothing changed\n\n"
                await asyncio.sleep(LOOK_S)
        finally:
            self._count -= 1
