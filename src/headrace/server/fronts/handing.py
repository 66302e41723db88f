"""Connections that a front hands to the main process, with all that was read from them.

What is no plain call is not forwarded: the connection itself changes hands, once, and from then on
the main process serves it as one that it has accepted. So sizes, times, addresses, streams and
clients that leave are treated by the same code, and no byte passes through another process.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import logging
import os
import queue
import socket
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)

_PIECE_BYTES = 60_000
_AT_ONCE = 50
_SIZE_BYTES = 4
WAITING = 1000
"""Connections that wait to be handed over; beyond it they are closed."""

Adopt = Callable[[socket.socket, bytes], None]
"""Serves a connection from which something was read already."""


class Sender:
    """Hands connections over, in a thread of its own: the main process may be busy."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        self._waiting: queue.Queue[tuple[int, bytes]] = queue.Queue(WAITING)
        threading.Thread(target=self._send_all, name="handing", daemon=True).start()

    def send(self, descriptor: int, data: bytes) -> None:
        """Hand over a connection by a descriptor that is closed afterwards."""
        try:
            self._waiting.put_nowait((descriptor, data))
        except queue.Full:
            logger.warning("a connection is closed: too many wait to be handed over")
            os.close(descriptor)

    def _send_all(self) -> None:
        while True:
            descriptor, data = self._waiting.get()
            try:
                first = len(data).to_bytes(_SIZE_BYTES) + data[:_PIECE_BYTES]
                socket.send_fds(self._end, [first], [descriptor])
                for at in range(_PIECE_BYTES, len(data), _PIECE_BYTES):
                    self._end.send(data[at : at + _PIECE_BYTES])
            except OSError as error:
                # The main process is gone, and this one goes as well.
                logger.debug("a connection is closed: %s", error)
            finally:
                os.close(descriptor)


class Receiver:
    """Takes the connections that one front hands over."""

    def __init__(self, end: socket.socket, adopt: Adopt) -> None:
        self._end = end
        self._adopt = adopt
        self._loop = asyncio.get_running_loop()
        self._coming: tuple[socket.socket, int, bytearray] | None = None
        end.setblocking(False)
        self._loop.add_reader(end.fileno(), self._take)

    def close(self) -> None:
        """Take no more."""
        self._loop.remove_reader(self._end.fileno())
        self._end.close()
        if self._coming is not None:
            self._coming[0].close()

    def take_all(self) -> None:
        """Take what was sent so far."""
        while self._take_one():
            pass

    def _take(self) -> None:
        for _ in range(_AT_ONCE):
            if not self._take_one():
                return

    def _take_one(self) -> bool:
        try:
            data, descriptors = _received(self._end)
        except BlockingIOError:
            return False
        except OSError:
            data, descriptors = b"", []
        if not data:
            # The front is gone; whoever looks after it hears of that.
            with contextlib.suppress(OSError, ValueError):
                self._loop.remove_reader(self._end.fileno())
            return False
        if descriptors:
            taken = socket.socket(fileno=descriptors[0])
            size = int.from_bytes(data[:_SIZE_BYTES])
            self._coming = taken, size, bytearray(data[_SIZE_BYTES:])
        elif self._coming is not None:
            self._coming[2].extend(data)
        if self._coming is not None and len(self._coming[2]) >= self._coming[1]:
            taken, _, read = self._coming
            self._coming = None
            taken.setblocking(False)
            self._adopt(taken, bytes(read))
        return True


def _received(end: socket.socket) -> tuple[bytes, list[int]]:
    space = socket.CMSG_LEN(array.array("i").itemsize)
    data, control, _, _ = end.recvmsg(_PIECE_BYTES + _SIZE_BYTES, space, socket.MSG_CMSG_CLOEXEC)
    descriptors = array.array("i")
    for level, kind, content in control:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(content[: len(content) - len(content) % descriptors.itemsize])
    return data, list(descriptors)
