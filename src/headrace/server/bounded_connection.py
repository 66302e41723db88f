"""One connection, as far as its bounds go: sizes, times, and requests that cannot be read."""

from __future__ import annotations

import contextlib
import fcntl
import sys
import termios
from collections.abc import Callable
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from headrace.server.error_answers import Refusal
from headrace.server.heads import (
    Deaf,
    check_framing,
    check_unfinished_head,
    new_parser,
    refusal_of,
    without_offer,
)
from headrace.server.limits import MAX_HEADERS, MAX_PIPELINED, MAX_TARGET_BYTES, HttpLimits
from headrace.server.patience import (
    BETWEEN,
    BODY,
    ENDING,
    HEAD,
    LEAVING,
    LEAVING_S,
    Patience,
)

_DEAF = cast("httptools.HttpRequestParser", Deaf())


class BoundedConnection(HttpToolsProtocol):
    """A connection that takes no more than its limits allow.

    Attributes:
        limits: What may be asked of it.
        address: Where the client is.
        phase: What it is waiting for.
        since: When that began, in the event loop's time.
        received: Bytes that have come.
        sent: Bytes of answers that were handed to the transport.
        is_asked: Whether the application was asked about the request that is being read.
        body_bytes: Bytes that have come of its body.
        begun_with: What was read of it before it was served here.
        body_from: Bytes that had been received when its body began, and the rest of that segment.
    """

    def __init__(
        self,
        limits: HttpLimits,
        address: str,
        on_lost: Callable[[BoundedConnection], None],
        *arguments: Any,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self._on_lost = on_lost
        self._patience: Patience | None = None
        self._segment = 0  # size of what came last
        self._head_from = 0
        self.limits = limits
        self.address = address
        self.phase = BETWEEN
        self.since = self.loop.time()
        self.received = 0
        self.sent = 0
        self.is_asked = False
        self.body_bytes = 0
        self.body_from = 0
        self.begun_with = b""

    def connection_made(self, transport: Any) -> None:
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._patience = Patience(self, self.loop)
        self._patience.begin()
        data, self.begun_with = self.begun_with, b""
        if data:
            self.data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        if self._patience is not None:
            self._patience.stop()
        super().connection_lost(exc)
        self._on_lost(self)

    def is_idle(self, now: float, idle_s: float | None = None) -> bool:
        """Check whether nothing is asked here, and nothing was for as long as that is allowed.

        Args:
            now: The event loop's time.
            idle_s: How long that is; by default as the limits say.
        """
        if self.phase != BETWEEN or not getattr(self.cycle, "response_complete", True):
            return False
        if idle_s is None:
            # Whoever has never asked anything gets no longer than for a request.
            idle_s = self.limits.idle_s if self.received else self.limits.request_s
        return now - self.since >= idle_s

    def data_received(self, data: bytes) -> None:
        """Read what has come."""
        self._segment = size = len(data)
        self.received += size
        offer = None
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as made:
            offer = made
        except httptools.HttpParserError as error:
            self.refuse(refusal_of(error))
        if offer is not None:
            # Not while it is handled: what is raised then would lose its own cause.
            self._ignore_offers(memoryview(data), offer)
        if self.phase != BETWEEN:
            self._check_progress()

    def on_message_begin(self) -> None:
        """Begin to read a request; what an application is told is made when one is asked."""
        if len(self.pipeline) >= MAX_PIPELINED:
            raise Refusal(400, "InvalidRequest", "Too many requests wait on this connection.")
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self.phase = HEAD
        self.is_asked = False
        # A request that has begun does not count as idleness, however slowly it comes.
        self.since = self.loop.time()
        self._head_from = self.received

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header; what comes after a body (trailers) is not one."""
        if self.phase == HEAD:
            # As uvicorn does, without another call for each header.
            name = name.lower()
            if name == b"expect" and value.lower() == b"100-continue":
                self.expect_100_continue = True
            self.headers.append((name, value))

    def write(self, data: bytes) -> None:
        """Send bytes of an answer."""
        self.sent += len(data)
        self.transport.write(data)

    def write_later(self, data: bytes) -> None:
        """Send bytes of an answer, unless its request was refused meanwhile."""
        if self.phase != LEAVING:
            self.write(data)

    def taken(self) -> int:
        """Return how many of the bytes that were sent have reached the client's system."""
        taken = self.sent - self.transport.get_write_buffer_size()
        queued = bytearray(4)
        with contextlib.suppress(OSError):
            fcntl.ioctl(self.transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, queued)
        return taken - int.from_bytes(queued, sys.byteorder)

    def refuse(self, refusal: Refusal) -> None:
        """Answer a request that is being read with an error, and end the connection.

        Requests that came before it on the same connection are answered first; then there is no
        room left for another answer.
        """
        cycle, phase = self.cycle, self.phase
        self.parser = _DEAF
        self.phase = ENDING
        if phase == BODY and self.is_asked:
            # Its application was asked already, or waits in line.
            cycle.disconnected = True
            cycle.message_event.set()
            if self.pipeline:
                self.pipeline.popleft()
            elif cycle.response_started:
                self.leave()
            else:
                self.write(refusal.answer())
                self.leave()
        elif getattr(cycle, "response_complete", True):
            self.write(refusal.answer())
            self.leave()
        else:
            cycle.keep_alive = False

    def may_be_too_long(self) -> bool:
        """Check whether a head is worth counting: nearly all come in one small segment."""
        return (
            self._segment > MAX_TARGET_BYTES
            or self.received != self._head_from
            or len(self.headers) > MAX_HEADERS
        )

    def leave(self) -> None:
        """Stop sending; the client gets some time to read, as closing at once may undo that."""
        self.phase = LEAVING
        self.since = self.loop.time()
        if self.transport.is_closing():
            return
        self.parser = _DEAF
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()
        if self._patience is not None:
            self._patience.begin(LEAVING_S)

    def _check_progress(self) -> None:
        try:
            if self.phase == HEAD:
                check_unfinished_head(self.url, self.headers, self.received - self._head_from)
            elif self.phase == BODY:
                check_framing(self.received - self.body_from, self.body_bytes)
        except Refusal as refusal:
            self.refuse(refusal)

    def _ignore_offers(self, rest: memoryview, offer: httptools.HttpParserUpgrade) -> None:
        """Read requests again that offered another protocol, as if they had not.

        The parser takes what follows such a head for the other protocol. There is none, so a
        server ignores the offer, and what follows is the request's body.
        """
        made: httptools.HttpParserUpgrade | None = offer
        while made is not None:
            rest = rest[made.args[0] :]
            head = without_offer(
                self.parser.get_method(), self.url, self.parser.get_http_version(), self.headers
            )
            # The old one may have been told that nothing follows.
            self.parser = new_parser(self)
            made = None
            try:
                self.parser.feed_data(head)
                self.parser.feed_data(rest)
            except httptools.HttpParserUpgrade as another:
                made = another
            except httptools.HttpParserError as error:
                self.refuse(refusal_of(error))

    def _unset_keepalive_if_required(self) -> None:
        """Leave all timers to :class:`Patience`."""
