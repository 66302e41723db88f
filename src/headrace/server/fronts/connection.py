"""A connection of a front: it answers plain calls, and is handed over with the first other request.

Nothing is decided here about requests that are not plain: a head that is long, comes in pieces too
slowly, or cannot be read is the main process's matter, as is all that has to do with time.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import socket
from typing import Any, Protocol, cast

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from headrace.control.endpoint_cache import Endpoint
from headrace.endpoints.express import Express
from headrace.wire.answers import RawHeaders

HEAD_BYTES = 8192
"""A longer head is not plain."""

BODY_BYTES = 65_536
"""A longer body is not for the event loop of a front."""

WAITING_BYTES = 131_072
"""What a client may send while it waits for an answer, before it is read no further."""

PATIENCE_S = 1.0
"""How long a request may take to come whole; then it is handed over as it is."""

SILENT_S = 5.0
"""How long a client may take to begin; then the main process has patience with it."""

_END = b"\r\n\r\n"


class Home(Protocol):
    """The front of a connection.

    Attributes:
        express: Makes plain calls.
    """

    express: Express

    def is_coming(self, target: bytes) -> bool:
        """Check whether it is about to be known what is at a target."""
        ...

    def hand(self, descriptor: int, data: bytes) -> None:
        """Hand a connection over by a descriptor that is then closed."""
        ...

    def forget(self, connection: FrontConnection) -> None:
        """Forget a connection, which is closed or handed over."""
        ...


class FrontConnection(asyncio.Protocol):
    """One connection of one client.

    Attributes:
        since: When the client last sent or was sent something, by the event loop's clock.
        is_asking: Whether part of a request is here that was not begun.
    """

    def __init__(self, home: Home, loop: asyncio.AbstractEventLoop) -> None:
        self._home = home
        self._express = home.express
        self._loop = loop
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._data = b""
        self._is_busy = self._is_gone = self._is_paused = self._is_leaving = False
        self._known: tuple[bytes, int, Endpoint] | None = None
        self.since = loop.time()

    @property
    def is_asking(self) -> bool:
        """Whether part of a request is here that was not begun."""
        return bool(self._data) and not self._is_busy

    @property
    def is_idle(self) -> bool:
        """Whether nothing was asked that is not answered."""
        return not self._data and not self._is_busy

    @property
    def _is_unread(self) -> bool:
        """Whether the client has not taken all that it was answered."""
        return self._transport.get_write_buffer_size() > 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to hear a client."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client; a call that is under way is recorded all the same."""
        del exc
        self._is_gone = True
        self._home.forget(self)

    def pause_writing(self) -> None:
        """Read no further while the client does not read."""
        self._pause()

    def resume_writing(self) -> None:
        """Go on reading."""
        self._resume()

    def data_received(self, data: bytes) -> None:
        """Begin a call, or keep what has come."""
        if self._data:
            self._data += data
        else:
            self._data, self.since = data, self._loop.time()
        if not self._is_busy:
            self.proceed()
        elif len(self._data) > WAITING_BYTES:
            self._pause()

    def proceed(self) -> None:
        """Begin the call that has come, if it is whole; hand over what is none."""
        if self._is_gone or self._is_busy or self._is_leaving:
            return
        found = self._known_call() or self._read()
        if found is None:
            return
        endpoint, head, size = found
        end = head + size
        if endpoint is None:
            self.hand_over()
            return
        data, self._data = self._data, self._data[end:]
        self._is_busy = True
        if not self._express.begin(endpoint, data[head:end], self._reply):
            self._is_busy, self._data = False, data
            self.hand_over()
        else:
            self.since = self._loop.time()
            if self._known is None or self._known[1] != size or self._known[2] is not endpoint:
                self._known = data[:head], size, endpoint

    def hand_over(self) -> None:
        """Give the connection to the main process, with what was read of a request."""
        if self._is_gone:
            return
        self._pause()
        if self._is_unread:
            # What was answered goes first: the next sweep looks again.
            self._is_leaving = True
            return
        self._is_gone = True
        taken: socket.socket = self._transport.get_extra_info("socket")
        descriptor = os.dup(taken.fileno())
        self._home.hand(descriptor, self._data)
        self._data = b""
        self._transport.abort()

    def sweep(self, at: float, idle_s: float, unread_s: float) -> None:
        """Hand over what takes too long, and close what was idle or left unread for so long."""
        waited_s = at - self.since
        if self._is_unread and waited_s > unread_s:
            self._transport.abort()
        elif self._is_leaving:
            self.hand_over()
        elif self.is_asking:
            if waited_s > PATIENCE_S:
                self.hand_over()
        elif self.is_idle and waited_s > (idle_s if self._known else SILENT_S):
            if self._known:
                self.close()
            else:
                self.hand_over()

    def close(self) -> None:
        """Close it."""
        self._transport.close()

    def _known_call(self) -> tuple[Endpoint, int, int] | None:
        """Recognise a call whose head is that of the last one."""
        known, data = self._known, self._data
        if known is None:
            return None
        head, size, endpoint = known
        at = len(head)
        # It has a token in it, and a proxy may send the requests of many on one connection.
        if len(data) != at + size or not hmac.compare_digest(data[:at], head):
            return None
        return (endpoint, at, size) if self._express.knows(endpoint) else None

    def _read(self) -> tuple[Endpoint | None, int, int] | None:
        """Return the endpoint that is called, where its body begins and how long that is.

        None as long as that cannot be said; no endpoint if it is no plain call.
        """
        data = self._data
        head = data.find(_END) + len(_END)
        if head < len(_END):
            return None if len(data) <= HEAD_BYTES else (None, 0, 0)
        seen = _Head(data[:head]) if head <= HEAD_BYTES else None
        if seen is None or seen.body_bytes is None or seen.body_bytes > BODY_BYTES:
            return None, 0, 0
        endpoint = self._express.endpoint_of(b"POST", seen.target, seen.headers)
        if endpoint is None:
            return None if self._home.is_coming(seen.target) else (None, 0, 0)
        if len(data) < head + seen.body_bytes:
            return None
        return endpoint, head, seen.body_bytes

    def _reply(self, status: int, headers: RawHeaders, body: bytes) -> None:
        self._is_busy = False
        if self._is_gone or self._transport.is_closing():
            return
        lines = [b"%b: %b\r\n" % header for header in headers]
        self._transport.write(b"".join((STATUS_LINE[status], *lines, b"\r\n", body)))
        self.since = self._loop.time()
        if self._data:
            self._resume()
            self._loop.call_soon(self.proceed)

    def _pause(self) -> None:
        if not self._is_paused and not self._transport.is_closing():
            self._is_paused = True
            self._transport.pause_reading()

    def _resume(self) -> None:
        if self._is_paused and not self._is_gone and not self._transport.is_closing():
            self._is_paused = False
            self._transport.resume_reading()


class _Head:
    """The head of one request.

    Attributes:
        target: What is asked for.
        headers: By names in lower case.
        body_bytes: Length of the body; None if it is no request of which that is known, or the
            connection is to end with it.
    """

    def __init__(self, head: bytes) -> None:
        self.target = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.body_bytes: int | None = None
        parser = httptools.HttpRequestParser(cast("Any", self))
        try:
            parser.feed_data(head)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            return
        lengths = [value for name, value in self.headers if name == b"content-length"]
        is_kept = parser.should_keep_alive() and parser.get_http_version() == "1.1"
        if parser.get_method() == b"POST" and is_kept and len(lengths) == 1:
            self.body_bytes = int(lengths[0]) if lengths[0].isdigit() else None

    def on_url(self, url: bytes) -> None:
        """Take part of the target."""
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self.headers.append((name.lower(), value))
