"""A server of one small application, and connections on which a test sends bytes as it likes."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from headrace.control.endpoint_cache import EndpointCache
from headrace.core.values import MAX_VALUES_BYTES
from headrace.endpoints.express import Express
from headrace.server.http import HttpServer
from headrace.server.limits import HttpLimits

Address = tuple[str, int]


async def echo(request: Request) -> Response:
    try:
        body = await request.body()
    except ClientDisconnect:
        return Response(status_code=499)
    return JSONResponse(
        {
            "method": request.method,
            "body": body.decode("latin-1"),
            "headers": sorted({name for name, _ in request.headers.items()}),
        }
    )


async def slow(request: Request) -> Response:
    await request.body()
    await asyncio.sleep(float(request.query_params["s"]))
    return JSONResponse({"body": "slow"})


async def drip(request: Request) -> Response:
    """Answer with a little now and then, as a stream of events does."""
    seconds = float(request.query_params["s"])

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(8):
            yield b"x"
            await asyncio.sleep(seconds / 8)

    return StreamingResponse(parts())


async def much(request: Request) -> Response:
    size = int(request.query_params["bytes"])

    async def parts() -> AsyncIterator[bytes]:
        for _ in range(size // 100_000):
            yield bytes(100_000)

    return StreamingResponse(parts())


@asynccontextmanager
async def serving(limits: HttpLimits | None = None) -> AsyncIterator[Address]:
    """A server on a free port, with these limits."""
    application = Starlette(
        routes=[
            Route("/echo", echo, methods=["GET", "POST", "PUT"]),
            Route("/slow", slow, methods=["POST"]),
            Route("/drip", drip),
            Route("/much", much),
        ]
    )
    started = asyncio.Event()
    express = Express(EndpointCache(), cast("Any", None), "http://here", MAX_VALUES_BYTES)
    server = HttpServer(application, express, started.set, limits)
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    await started.wait()
    try:
        yield listener.getsockname()
    finally:
        server.stop()
        await task


class Peer:
    """The client's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def to(cls, address: Address) -> Peer:
        return cls(*await asyncio.open_connection(*address))

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def send_in_pieces(self, data: bytes, size: int) -> None:
        for start in range(0, len(data), size):
            self.writer.write(data[start : start + size])
            await self.writer.drain()
            # The server's turn, so that it reads this piece alone.
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def answer(self) -> tuple[int, dict[str, str], Any]:
        """Read one answer: its status, its headers, its body as JSON."""
        async with asyncio.timeout(30):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
            body = await self.reader.readexactly(int(headers["content-length"]))
            return int(head[0].split()[1]), headers, json.loads(body)

    async def is_closed(self) -> bool:
        """Wait until the server has closed the connection; tell whether nothing came before."""
        async with asyncio.timeout(30):
            try:
                return await self.reader.read() == b""
            except ConnectionError:
                return True

    def close(self) -> None:
        self.writer.close()


@asynccontextmanager
async def connected(address: Address) -> AsyncIterator[Peer]:
    peer = await Peer.to(address)
    try:
        yield peer
    finally:
        peer.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0.01)


def post(path: str, body: bytes, *lines: str) -> bytes:
    """Return a POST with a body of known size; ``lines`` are further headers."""
    head = [f"POST {path} HTTP/1.1", "Host: here", *lines, f"Content-Length: {len(body)}"]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + body
