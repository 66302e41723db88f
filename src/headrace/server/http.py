"""The HTTP server: uvicorn, with connections and a listener of our own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import cast

import uvicorn
from starlette.types import ASGIApp

from headrace.endpoints.express import Express
from headrace.server.bounded_connection import BoundedConnection
from headrace.server.connection import Connection
from headrace.server.descriptors import soft_limit
from headrace.server.limits import HttpLimits
from headrace.server.listening import Listener

HTTP_GRACE_S = 3
"""How long requests that are held get to end when the server stops."""


class HttpServer(uvicorn.Server):
    """Uvicorn, which tells when it listens and leaves signals and what follows to its user."""

    def __init__(
        self,
        application: ASGIApp,
        express: Express,
        on_started: Callable[[], None],
        limits: HttpLimits | None = None,
    ) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                http="httptools",
                ws="none",
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                # Who is behind a proxy matters to nobody here, and asking costs each request.
                proxy_headers=False,
                # Browsers and proxies do without; a date is one more thing to send.
                date_header=False,
                timeout_graceful_shutdown=HTTP_GRACE_S,
            )
        )
        self._express = express
        self._limits = limits or HttpLimits()
        self._on_started = on_started
        self._early: list[tuple[socket.socket, bytes]] = []
        self._listener: Listener | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, then say so."""
        descriptors = soft_limit()
        self.servers = cast(
            "list[asyncio.Server]",
            [
                Listener(listening, self._connection, self._limits, descriptors)
                for listening in sockets or []
            ],
        )
        if self.servers:
            self._listener = cast("Listener", self.servers[0])
        for accepted, data in self._early:
            self.adopt(accepted, data)
        self._early = []
        self.started = True
        self._on_started()

    def adopt(self, accepted: socket.socket, data: bytes) -> None:
        """Serve a connection that another process has accepted, and read so much from."""
        if self._listener is None:
            self._early.append((accepted, data))
        else:
            self._listener.adopt(accepted, data)

    def _connection(self, address: str, on_lost: Callable[[BoundedConnection], None]) -> Connection:
        return Connection(
            self._express,
            self._limits,
            address,
            on_lost,
            config=self.config,
            server_state=self.server_state,
            app_state={},
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: uvicorn would raise them again at its end, before the server's own end."""
        yield

    def stop(self) -> None:
        """Stop listening; when asked again, without waiting for open requests."""
        self.force_exit = self.should_exit
        self.should_exit = True
