"""HTTP/1.1 over the standard library: connections that are kept, and answers read in pieces.

A library would take longer to import than a run of a pipeline takes.
"""

from __future__ import annotations

import contextlib
import http.client
import select
import socket
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from headrace.client.proxies import Proxy, proxy_for

if TYPE_CHECKING:
    import ssl

PIECE_BYTES = 1 << 16
REDIRECTS = frozenset({301, 302, 303, 307, 308})

Body = bytes | Iterable[bytes] | None
"""What is sent: bytes of a known number, or pieces of an unknown one."""


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds of silence after which a server counts as gone."""

    connect_s: float
    answer_s: float


class Response:
    """The head of an answer, and its body as it comes.

    Attributes:
        status: The HTTP status.
    """

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self._response = response

    def header(self, name: str) -> str | None:
        """Return a header, or None."""
        return self._response.getheader(name)

    def read(self) -> bytes:
        """Return the whole body."""
        return self._response.read()

    def pieces(self) -> Iterator[bytes]:
        """Yield the body.

        Raises:
            http.client.IncompleteRead: It ended before its announced length.
        """
        while piece := self._response.read(PIECE_BYTES):
            yield piece
        missing = self._response.length
        if missing:
            raise http.client.IncompleteRead(b"", missing)


class Http:
    """Keeps connections to servers; threads may share it.

    Args:
        timeouts: For requests that do not bring their own.
    """

    def __init__(self, timeouts: Timeouts) -> None:
        self._timeouts = timeouts
        self._idle: dict[tuple[str, str, int | None], list[http.client.HTTPConnection]] = {}
        self._lock = threading.Lock()
        self._tls: ssl.SSLContext | None = None
        self._is_closed = False

    def close(self) -> None:
        """Close the connections; none is made any more."""
        with self._lock:
            self._is_closed = True
            idle = [connection for kept in self._idle.values() for connection in kept]
            self._idle.clear()
        for connection in idle:
            connection.close()

    @contextmanager
    def sent(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: Body = None,
        timeouts: Timeouts | None = None,
    ) -> Iterator[Response]:
        """Send a request and give its answer, whose connection is kept if it was read whole.

        Raises:
            OSError, http.client.HTTPException: The network or the server fails.
            ValueError: The URL or a header cannot be sent.
        """
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        proxy = proxy_for(parts.scheme, host)
        origin = (parts.scheme, host, port)
        connection = self._connected(origin, proxy, timeouts or self._timeouts)
        is_reusable = False
        try:
            target = url if proxy is not None and parts.scheme == "http" else _target(url)
            sent = dict(headers)
            if proxy is not None and parts.scheme == "http":
                sent |= proxy.headers
            # A server may refuse while the body is on its way, and then it has answered.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                connection.request(method, target, body, sent, encode_chunked=True)
            response = connection.getresponse()
            # Closed here and not when it is collected: an interrupt that falls into that is lost.
            with contextlib.closing(response):
                yield Response(response)
                is_reusable = response.isclosed() and not response.will_close
        finally:
            self._put_back(origin, connection, is_reusable=is_reusable)

    def _connected(
        self, origin: tuple[str, str, int | None], proxy: Proxy | None, timeouts: Timeouts
    ) -> http.client.HTTPConnection:
        connection = self._kept(origin)
        if connection is None:
            connection = self._new(origin, proxy)
            connection.timeout = timeouts.connect_s
            connection.connect()
            # A small request must not wait for the acknowledgement of its head.
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sock.settimeout(timeouts.answer_s)
        return connection

    def _kept(self, origin: tuple[str, str, int | None]) -> http.client.HTTPConnection | None:
        while True:
            with self._lock:
                if self._is_closed:
                    raise ValueError("the connection was closed: make another HeadraceSdk")
                kept = self._idle.get(origin)
                connection = kept.pop() if kept else None
            if connection is None or not _is_stale(connection):
                return connection
            connection.close()

    def _new(
        self, origin: tuple[str, str, int | None], proxy: Proxy | None
    ) -> http.client.HTTPConnection:
        scheme, host, port = origin
        if proxy is None:
            if scheme == "http":
                return http.client.HTTPConnection(host, port)
            return http.client.HTTPSConnection(host, port, context=self._context())
        through: http.client.HTTPConnection
        if proxy.is_tls:
            through = http.client.HTTPSConnection(proxy.host, proxy.port, context=self._context())
        elif scheme == "https":
            # TLS begins behind the tunnel.
            through = http.client.HTTPSConnection(proxy.host, proxy.port, context=self._context())
        else:
            through = http.client.HTTPConnection(proxy.host, proxy.port)
        if scheme == "https":
            through.set_tunnel(host, port, dict(proxy.headers))
        return through

    def _context(self) -> ssl.SSLContext:
        with self._lock:
            if self._tls is None:
                import ssl  # noqa: PLC0415 - most servers are on this machine, without TLS

                # The certificates of the system, or those that SSL_CERT_FILE names.
                self._tls = ssl.create_default_context()
            return self._tls

    def _put_back(
        self,
        origin: tuple[str, str, int | None],
        connection: http.client.HTTPConnection,
        *,
        is_reusable: bool,
    ) -> None:
        with self._lock:
            if is_reusable and not self._is_closed:
                self._idle.setdefault(origin, []).append(connection)
                return
        connection.close()


def _target(url: str) -> str:
    parts = urlsplit(url)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _is_stale(connection: http.client.HTTPConnection) -> bool:
    """Check whether the server has closed a connection, whose end can be read then."""
    poll = select.poll()
    poll.register(connection.sock, select.POLLIN | select.POLLHUP | select.POLLERR)
    return bool(poll.poll(0))
