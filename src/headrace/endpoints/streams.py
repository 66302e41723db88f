"""Server-sent events: what an endpoint yields, while it runs.

Each item is an event without a name, whose data is the item as JSON. The last event is ``end``,
with the execution's id and its outputs, or ``error``, with the error object of the contract.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.responses import Response, StreamingResponse

from headrace.control.warm import WarmAnswer, WarmStream
from headrace.core.errors import HeadraceError
from headrace.core.values import Json
from headrace.wire.answers import Answer, refusal, render
from headrace.wire.call_answers import ended, headers_of
from headrace.wire.codec import encode

MEDIA_TYPE = "text/event-stream"

SIGN_OF_LIFE_S = 15.0
"""Proxies close connections on which nothing comes for long."""


def streamed(stream: WarmStream, request_id: str) -> Response:
    """Return an answer that goes on for as long as the call does."""
    return StreamingResponse(
        _events(stream, request_id),
        headers={
            "Cache-Control": "no-store",
            **headers_of(stream.execution_id, stream.version),
            # Some proxies keep an answer back until it is complete.
            "X-Accel-Buffering": "no",
        },
        media_type=MEDIA_TYPE,
    )


async def _events(stream: WarmStream, request_id: str) -> AsyncIterator[bytes]:
    items = aiter(stream.items)
    next_item: asyncio.Task[Json] | None = None
    try:
        while True:
            next_item = next_item or asyncio.ensure_future(anext(items))
            await asyncio.wait({next_item}, timeout=SIGN_OF_LIFE_S)
            if not next_item.done():
                yield b": still running\n\n"
                continue
            try:
                item = next_item.result()
            except StopAsyncIteration:
                break
            finally:
                next_item = None
            yield b"data: " + encode(item) + b"\n\n"
        yield await _last_event(stream, request_id)
    finally:
        stream.items.leave()
        if next_item is not None:
            next_item.cancel()
            with contextlib.suppress(asyncio.CancelledError, StopAsyncIteration):
                await next_item


async def _last_event(stream: WarmStream, request_id: str) -> bytes:
    try:
        made = await asyncio.shield(stream.ended)
        if isinstance(made, WarmAnswer):
            return _event("end", ended(made.execution_id, made.outputs, made.failure, made.version))
        return _event("end", Answer({"execution_id": stream.execution_id}))
    except HeadraceError as error:
        return _event("error", refusal(error, request_id))


def _event(name: str, answer: Answer) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), render(answer)[2])
