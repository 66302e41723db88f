"""One connection: plain calls of endpoints are made at once, the rest is handed on."""

from __future__ import annotations

import hmac
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from headrace.control.endpoint_cache import Endpoint
from headrace.core.values import MAX_VALUES_BYTES
from headrace.endpoints.express import Express
from headrace.server.bounded_connection import BoundedConnection
from headrace.server.heads import check_head
from headrace.server.patience import BETWEEN, BODY, ENDING
from headrace.wire.answers import RawHeaders


class Held:
    """What stands for a plain call where uvicorn keeps the request that is being answered.

    A connection needs one for all its plain calls, of which it answers one at a time.
    """

    __slots__ = ("disconnected", "keep_alive", "response_complete")

    def __init__(self) -> None:
        self.keep_alive = True
        self.response_complete = True
        self.disconnected = False

    def begin(self, *, is_kept: bool) -> None:
        """Stand for another call."""
        self.keep_alive = is_kept
        self.response_complete = False

    @property
    def message_event(self) -> Held:
        """What uvicorn sets when there is something to read, or nobody left to answer."""
        return self

    def set(self) -> None:
        """Do nothing: nobody reads from a request that has come whole."""


class CountedTransport:
    """The transport of a connection for an application, whose writes are counted."""

    __slots__ = ("close", "is_closing", "write")

    def __init__(self, connection: BoundedConnection) -> None:
        self.write = connection.write_later
        self.close = connection.transport.close
        self.is_closing = connection.transport.is_closing


class Connection(BoundedConnection):
    """A connection whose plain calls of endpoints never become tasks.

    Uvicorn makes an application's task when the head of a request has come. Here that waits until
    it is known that the request is no plain call. A client that makes calls one after the other
    sends the same head with each, so a request that begins with the very bytes of the last plain
    call on this connection is one as well: nothing of it is parsed again but its body.
    """

    def __init__(self, express: Express, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._express = express
        self._endpoint: Endpoint | None = None
        self._body = bytearray()
        self._last: tuple[Endpoint, int] | None = None  # of the plain call that came last
        self._known: tuple[bytes, Endpoint] | None = None  # its head, if it came in one piece
        self._known_bytes = -1  # how long it was with its body
        self._held = Held()
        self._held_cycle = cast("RequestResponseCycle", self._held)

    def data_received(self, data: bytes) -> None:
        """Make a call whose head is known, or read what has come."""
        if len(data) == self._known_bytes and self._is_begun_at_once(data):
            return
        is_whole = self.phase == BETWEEN
        super().data_received(data)
        last, self._last = self._last, None
        if is_whole and last is not None:
            self._remember(data, *last)

    def on_headers_complete(self) -> None:
        """Look whether the request is a plain call, as far as its head tells."""
        parser = self.parser
        method, is_offer = parser.get_method(), parser.should_upgrade()
        if self.may_be_too_long() or is_offer:
            check_head(method, self.url, self.headers)
        if is_offer:
            # The parser has done with this request: it is read again, without the offer.
            return
        self.body_from, self.body_bytes = self.received, 0
        cycle = self.cycle
        # Requests that came before the last one was answered wait in uvicorn's own queue.
        is_free = getattr(cycle, "response_complete", True)
        if is_free and not self.expect_100_continue:
            self._endpoint = self._express.endpoint_of(method, self.url, self.headers)
        if self._endpoint is None:
            self._ask_application()
        self.phase = BODY

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body."""
        self.body_bytes += len(body)
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
            if self.phase == BODY:
                self.phase = BETWEEN
                super().on_message_complete()
            return
        self.phase = BETWEEN
        is_kept = self.parser.should_keep_alive() and self.parser.get_http_version() != "1.0"
        if self._is_begun(endpoint, bytes(self._body), is_kept=is_kept):
            if is_kept:
                self._last = endpoint, len(self._body)
            self._endpoint = None
            self._body.clear()
        else:
            self._go_the_long_way()
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Begin with the next request if it is there already."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.flow.read_paused:
            self.flow.resume_reading()
        if self.pipeline:
            cycle, application = self.pipeline.pop()
            self._start_asgi_task(cycle, application)
        elif self.phase == ENDING:
            self.leave()
        elif self.phase == BETWEEN:
            self.since = self.loop.time()

    def _remember(self, data: bytes, endpoint: Endpoint, body_bytes: int) -> None:
        """Remember the head of a plain call, if nothing else came with it."""
        head, end, body = data.partition(b"\r\n\r\n")
        if len(body) == body_bytes:
            self._known, self._known_bytes = (head + end, endpoint), len(data)

    def _is_begun_at_once(self, data: bytes) -> bool:
        """Begin a call whose head is the known one, if its endpoint is still what it was."""
        if self._known is None or self.phase != BETWEEN or not self.cycle.response_complete:
            return False
        head, endpoint = self._known
        size = len(head)
        # It has a token in it, and a proxy may send the requests of many on one connection.
        if not hmac.compare_digest(data[:size], head) or not self._express.knows(endpoint):
            return False
        is_begun = self._is_begun(endpoint, data[size:], is_kept=True)
        if is_begun:
            self.received += len(data)
        return is_begun

    def _is_begun(self, endpoint: Endpoint, body: bytes, *, is_kept: bool) -> bool:
        """Have a call made, unless it is for the application after all."""
        before, held = self.cycle, self._held
        held.begin(is_kept=is_kept)
        self.cycle = self._held_cycle
        if self._express.begin(endpoint, body, self._reply):
            return True
        held.response_complete = True
        self.cycle = before
        return False

    def _go_the_long_way(self) -> None:
        body, self._body = bytes(self._body), bytearray()
        self._endpoint = None
        self._ask_application()
        super().on_body(body)

    def _ask_application(self) -> None:
        url, headers, expect_100_continue = self.url, self.headers, self.expect_100_continue
        # What uvicorn's own begins with; ours would begin another request.
        HttpToolsProtocol.on_message_begin(self)
        self.url, self.expect_100_continue = url, expect_100_continue
        # The very list that the application sees.
        self.headers.extend(headers)
        super().on_headers_complete()
        self.is_asked = True
        self.cycle.transport = cast("Any", CountedTransport(self))

    def _reply(self, status: int, headers: RawHeaders, body: bytes) -> None:
        held = self._held
        held.response_complete = True
        if held.disconnected or self.transport.is_closing():
            return
        lines = [b"%b: %b\r\n" % header for header in headers]
        end = b"\r\n" if held.keep_alive else b"connection: close\r\n\r\n"
        # In one piece: each write is a packet, and wakes up the reader.
        self.write(b"".join((STATUS_LINE[status], *lines, end, body)))
        if not held.keep_alive:
            self.transport.close()
        self.on_response_complete()
