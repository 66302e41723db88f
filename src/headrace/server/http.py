"""The HTTP server: uvicorn, with a short way around the application for plain calls."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from headrace.api.express import Express, Headers
from headrace.control.endpoint_cache import Endpoint
from headrace.core.values import MAX_VALUES_BYTES

HTTP_GRACE_S = 3
"""How long requests that are held get to end when the server stops."""


class HttpServer(uvicorn.Server):
    """Uvicorn, which tells when it listens and leaves signals and what follows to its user."""

    def __init__(
        self, application: ASGIApp, express: Express, on_started: Callable[[], None]
    ) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                http=cast("Any", partial(ExpressProtocol, express)),
                log_config=None,
                access_log=False,
                lifespan="off",
                server_header=False,
                # Who is behind a proxy matters to nobody here, and asking costs each request.
                proxy_headers=False,
                # Browsers and proxies do without; a date is one more thing to send.
                date_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=HTTP_GRACE_S,
            )
        )
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to listen, then say so."""
        await super().startup(sockets=sockets)
        self._on_started()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none: uvicorn would raise them again at its end, before the server's own end."""
        yield

    def stop(self) -> None:
        """Stop listening; when asked again, without waiting for open requests."""
        self.force_exit = self.should_exit
        self.should_exit = True


class ExpressProtocol(HttpToolsProtocol):
    """A connection whose plain calls of endpoints never become tasks.

    Uvicorn makes an application's task when the head of a request has come. Here that waits until
    it is known that the request is no plain call.
    """

    def __init__(self, express: Express, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._express = express
        self._endpoint: Endpoint | None = None
        self._body = bytearray()
        self._idle_since = 0.0

    def on_message_begin(self) -> None:
        """Begin to read a request; what an application is told is made when one is asked."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        # A request that has begun does not count as idleness, however slowly it comes.
        self._idle_since = self.loop.time()

    def on_headers_complete(self) -> None:
        """Look whether the request is a plain call, as far as its head tells."""
        cycle = self.cycle
        # Requests that came before the last one was answered wait in uvicorn's own queue.
        is_free = getattr(cycle, "response_complete", True)
        if is_free and not self.expect_100_continue and not self.parser.should_upgrade():
            self._endpoint = self._express.endpoint_of(
                self.parser.get_method(), self.url, self.headers
            )
        if self._endpoint is None:
            self._ask_application()

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        if self._endpoint is None:
            super().on_body(body)
            return
        self._body += body
        if len(self._body) > MAX_VALUES_BYTES:
            self._go_the_long_way()

    def on_message_complete(self) -> None:
        """Have the call made, or the request carried out by the application."""
        endpoint = self._endpoint
        if endpoint is None:
            super().on_message_complete()
            return
        is_kept = self.parser.should_keep_alive() and self.parser.get_http_version() != "1.0"
        before, held = self.cycle, _Held(is_kept=is_kept)
        self.cycle = cast("RequestResponseCycle", held)
        if self._express.begin(endpoint, bytes(self._body), partial(self._reply, held)):
            self._endpoint = None
            self._body.clear()
        else:
            self.cycle = before
            self._go_the_long_way()
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Begin with the next request if it is there already."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            cycle, application = self.pipeline.pop()
            self._start_asgi_task(cycle, application)
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._mind_idleness(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if it has been idle for long; look again later otherwise.

        One timer does for a connection, instead of one for each answer.
        """
        self.timeout_keep_alive_task = None
        is_idle = getattr(self.cycle, "response_complete", True)
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if not is_idle:
            self._mind_idleness(self.timeout_keep_alive)
        elif left > 0:
            self._mind_idleness(left)
        else:
            super().timeout_keep_alive_handler()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
        super().connection_lost(exc)

    def _unset_keepalive_if_required(self) -> None:
        """Leave the timer as it is: when it is up, it looks whether the connection is idle."""

    def _mind_idleness(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def _go_the_long_way(self) -> None:
        body, self._body = bytes(self._body), bytearray()
        self._endpoint = None
        self._ask_application()
        super().on_body(body)

    def _ask_application(self) -> None:
        url, headers, expect_100_continue = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expect_100_continue
        # The very list that the application sees.
        self.headers.extend(headers)
        super().on_headers_complete()

    def _reply(self, held: _Held, status: int, headers: Headers, body: bytes) -> None:
        held.response_complete = True
        if held.disconnected or self.transport.is_closing():
            return
        parts = [STATUS_LINE[status]]
        for name, value in (*self.server_state.default_headers, *headers):
            parts += (name, b": ", value, b"\r\n")
        parts += (b"\r\n", body) if held.keep_alive else (b"connection: close\r\n\r\n", body)
        # In one piece: each write is a packet, and wakes up the reader.
        self.transport.write(b"".join(parts))
        if not held.keep_alive:
            self.transport.close()
        self.on_response_complete()


class _Held:
    """What stands for a plain call where uvicorn keeps the request that is being answered."""

    __slots__ = ("disconnected", "keep_alive", "response_complete")

    def __init__(self, *, is_kept: bool) -> None:
        self.keep_alive = is_kept
        self.response_complete = False
        self.disconnected = False

    @property
    def message_event(self) -> _Held:
        """What uvicorn sets when there is something to read, or nobody left to answer."""
        return self

    def set(self) -> None:
        """Do nothing: nobody reads from a request that has come whole."""
