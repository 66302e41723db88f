"""The listening socket: connections are accepted up to their limits, and room is made for new ones.

The event loop's own server stops listening for good when a descriptor is missing once.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
from collections import Counter, deque
from collections.abc import Callable

from headrace.server.bounded_connection import BoundedConnection
from headrace.server.descriptors import reserved
from headrace.server.error_answers import Refusal
from headrace.server.limits import HttpLimits

logger = logging.getLogger(__name__)

ACCEPTED_AT_ONCE = 100
"""Connections accepted before the event loop does something else."""

PAUSE_S = 0.2
"""How long nothing is accepted after the system had no descriptor or memory for it."""

SWEEP_S = 0.25
"""How long after idle connections were looked for they are not looked for again."""

IDLE_S = 1.0
"""How long a connection has to be idle before it is closed to make room for another."""

LEAVING = 16
"""Connections that were refused and get some time to read why."""

LEAVING_S = 1.0

SAID_S = 60.0
"""How often the log says that connections are refused."""

_SHORTAGES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}

MakeConnection = Callable[[str, Callable[[BoundedConnection], None]], BoundedConnection]
"""Makes a connection of an address, which tells when it is lost."""


class Listener:
    """Accepts connections while there is room for them.

    When there is none, connections that have been idle for long are closed first. If there are
    none of them either, the new one is told to come again.

    Args:
        listening: The socket, which listens already.
        make: Makes a connection.
        limits: How many may be open.
        descriptors: How many descriptors this process may have open.
    """

    def __init__(
        self, listening: socket.socket, make: MakeConnection, limits: HttpLimits, descriptors: int
    ) -> None:
        self._socket = listening
        self._make = make
        self._limits = limits
        self._last_descriptor = descriptors - reserved(descriptors)
        self._loop = asyncio.get_running_loop()
        self._open: dict[BoundedConnection, None] = {}
        self._by_address: Counter[str] = Counter()
        self._accepting: set[asyncio.Task[None]] = set()
        self._leaving: deque[socket.socket] = deque()
        self._sweep_at: dict[str | None, float] = {}
        self._refused = 0
        self._say_at = 0.0
        self._is_closed = False
        self._socket.setblocking(False)
        self._begin()

    def close(self) -> None:
        """Accept no more."""
        self._is_closed = True
        self._loop.remove_reader(self._socket.fileno())
        while self._leaving:
            self._leaving.popleft().close()

    def adopt(self, accepted: socket.socket, data: bytes) -> None:
        """Serve a connection that was accepted elsewhere, and from which this was read."""
        try:
            address = accepted.getpeername()[0]
        except OSError:
            # It is gone already.
            address = None
        if address is None or self._is_closed:
            accepted.close()
        else:
            self._admit(accepted, address, data)

    async def wait_closed(self) -> None:
        """Return when no connection is on its way any more."""
        if self._accepting:
            await asyncio.wait(self._accepting)

    def _begin(self) -> None:
        if not self._is_closed:
            self._loop.add_reader(self._socket.fileno(), self._accept)

    def _accept(self) -> None:
        for _ in range(ACCEPTED_AT_ONCE):
            try:
                accepted, address = self._socket.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _SHORTAGES:
                    # What the network did to this one connection.
                    continue
                self._pause(error)
                return
            self._admit(accepted, address[0])

    def _pause(self, error: OSError) -> None:
        """Make room and accept nothing for a moment: asking at once would only take time."""
        self._say(f"none can be accepted: {error.strerror}")
        self._make_room(None)
        self._loop.remove_reader(self._socket.fileno())
        self._loop.call_later(PAUSE_S, self._begin)

    def _admit(self, accepted: socket.socket, address: str, data: bytes = b"") -> None:
        limits = self._limits
        if self._by_address[address] >= limits.per_address and not self._make_room(address):
            self._refuse(accepted, 429, f"{address} has {limits.per_address} connections open")
        elif len(self._open) >= limits.connections and not self._make_room(None):
            self._refuse(accepted, 503, f"{limits.connections} connections are open")
        elif accepted.fileno() >= self._last_descriptor and not self._make_room(None):
            self._refuse(accepted, 503, "the remaining descriptors are needed for other things")
        else:
            # Counted at once: several are accepted before the first task begins.
            connection = self._make(address, self._forget)
            connection.begun_with = data
            self._open[connection] = None
            self._by_address[address] += 1
            task = self._loop.create_task(self._connect(accepted, connection))
            self._accepting.add(task)
            task.add_done_callback(self._accepting.discard)

    async def _connect(self, accepted: socket.socket, connection: BoundedConnection) -> None:
        try:
            with contextlib.suppress(OSError):
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await self._loop.connect_accepted_socket(lambda: connection, accepted)
        except (OSError, ValueError) as error:
            # It may be gone already.
            logger.debug("a connection of %s was lost: %s", connection.address, error)
            accepted.close()
            self._forget(connection)

    def _forget(self, connection: BoundedConnection) -> None:
        if connection in self._open:
            del self._open[connection]
            self._by_address[connection.address] -= 1
            if not self._by_address[connection.address]:
                del self._by_address[connection.address]

    def _make_room(self, address: str | None) -> bool:
        """Close a quarter of the connections that are idle, and tell whether there were any.

        Args:
            address: Whose connections; None stands for those of all.
        """
        now = self._loop.time()
        if now < self._sweep_at.get(address, 0.0):
            return False
        if len(self._sweep_at) > self._limits.connections:
            self._sweep_at.clear()
        self._sweep_at[address] = now + SWEEP_S
        idle = [
            connection
            for connection in self._open
            if (address is None or connection.address == address)
            and connection.is_idle(now, IDLE_S)
        ]
        # Those that never asked for anything first.
        idle.sort(key=lambda connection: (connection.received > 0, connection.since))
        for connection in idle[: len(idle) // 4 + 1]:
            # Counted no longer: its descriptor is free in a moment.
            self._forget(connection)
            connection.transport.close()
        if idle:
            self._say(f"{len(idle) // 4 + 1} idle ones were closed to make room")
        return bool(idle)

    def _refuse(self, accepted: socket.socket, status: int, reason: str) -> None:
        """Send an answer that says so; the client gets a moment to read it."""
        self._refused += 1
        self._say(reason)
        refusal = Refusal(
            status,
            "Overloaded",
            f"The server takes no more connections now, as {reason}. Try again in a second.",
            b"retry-after: 1\r\n",
        )
        accepted.setblocking(False)
        with contextlib.suppress(OSError):
            accepted.send(refusal.answer())
            accepted.shutdown(socket.SHUT_WR)
            # A socket that is closed with something unread in it takes the answer along.
            accepted.recv(65536)
        self._leaving.append(accepted)
        if len(self._leaving) > LEAVING:
            self._leaving.popleft().close()
        else:
            self._loop.call_later(LEAVING_S, self._let_go)

    def _let_go(self) -> None:
        if self._leaving:
            self._leaving.popleft().close()

    def _say(self, reason: str) -> None:
        """Say in the log what is done about connections, once in a while."""
        now = self._loop.time()
        if now < self._say_at:
            return
        self._say_at = now + SAID_S
        refused, self._refused = self._refused, 0
        logger.warning(
            "connections: %s (%d refused since this was said last, %d open, at most %d, %d of one "
            "address)",
            reason,
            refused,
            len(self._open),
            self._limits.connections,
            self._limits.per_address,
        )
