"""Connections that nobody uses are closed; those in use are not, however slowly."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from headrace.control.endpoint_cache import EndpointCache
from headrace.core.values import MAX_VALUES_BYTES
from headrace.endpoints.express import Express
from headrace.server.http import HttpServer
from headrace.server.limits import HttpLimits

KEEP_ALIVE_S = 1


async def length(request: Request) -> PlainTextResponse:
    if request.query_params.get("slow"):
        await asyncio.sleep(2 * KEEP_ALIVE_S)
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture
async def address() -> AsyncIterator[tuple[str, int]]:
    """A server whose connections may be idle for a second; it knows no endpoint."""
    application = Starlette(routes=[Route("/length", length, methods=["POST"])])
    started = asyncio.Event()
    express = Express(EndpointCache(), cast("Any", None), "http://here", MAX_VALUES_BYTES)
    server = HttpServer(application, express, started.set, HttpLimits(idle_s=KEEP_ALIVE_S))
    listener = socket.create_server(("127.0.0.1", 0))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await started.wait()
    yield listener.getsockname()
    server.stop()
    await serving


def request(body: bytes, query: str = "") -> bytes:
    head = f"POST /length{query} HTTP/1.1\r\nHost: here\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


async def answer(reader: asyncio.StreamReader) -> str:
    head = await reader.readuntil(b"\r\n\r\n")
    size = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    return (await reader.readexactly(size)).decode()


async def test_an_idle_connection_is_closed(address: tuple[str, int]) -> None:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(request(b"abc"))
    assert await answer(reader) == "3"
    begin = time.monotonic()
    async with asyncio.timeout(30):
        assert await reader.read() == b""
    assert time.monotonic() - begin > KEEP_ALIVE_S / 2
    writer.close()


async def test_a_connection_in_use_is_kept(address: tuple[str, int]) -> None:
    reader, writer = await asyncio.open_connection(*address)
    for size in range(6):
        writer.write(request(bytes(size)))
        assert await answer(reader) == str(size)
        await asyncio.sleep(KEEP_ALIVE_S * 0.4)
    # An answer that takes long, then a request that comes slowly.
    writer.write(request(b"abc", "?slow=1"))
    assert await answer(reader) == "3"
    data = request(b"abcdef")
    for start in range(0, len(data), 20):
        writer.write(data[start : start + 20])
        await asyncio.sleep(KEEP_ALIVE_S * 0.4)
    assert await answer(reader) == "6"
    writer.close()
