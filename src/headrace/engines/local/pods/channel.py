"""The hot connection to a pod: calls out, answers in."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from typing import cast

from headrace_harness.frames import FrameReader, frame


class CallChannel(asyncio.Protocol):
    """The engine's end of the socket that a pod's calls go through.

    Args:
        on_bodies: Called with the JSON texts of messages, all that came at once.
        on_end: Called once, when either side has closed.
        max_bytes: The greatest message that a pod may send; one that sends more is cut off.
    """

    def __init__(
        self,
        on_bodies: Callable[[list[bytes]], None],
        on_end: Callable[[], None],
        max_bytes: int,
    ) -> None:
        self._reader = FrameReader(max_bytes)
        self._on_bodies = on_bodies
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._unsent: list[bytes] = []
        self._transport: asyncio.WriteTransport | None = None
        self._descriptor = -1

    @classmethod
    async def connect(
        cls,
        end: socket.socket,
        *,
        on_bodies: Callable[[list[bytes]], None],
        on_end: Callable[[], None],
        max_bytes: int,
    ) -> CallChannel:
        """Return a channel on a connected socket, which it owns from now on."""
        loop = asyncio.get_running_loop()
        _, channel = await loop.create_unix_connection(
            lambda: cls(on_bodies, on_end, max_bytes), sock=end
        )
        return channel

    def send(self, body: bytes, *, is_awaited: bool = False) -> None:
        """Send a message; nothing happens if the channel has ended.

        Args:
            body: Its JSON text.
            is_awaited: Whether the pod has nothing else to do. If it has, the message goes with
                the others of this turn of the loop, which costs both sides less.
        """
        unsent = self._unsent
        if unsent:
            unsent.append(frame(body))
        elif not is_awaited:
            unsent.append(frame(body))
            self._loop.call_soon(self._flush)
        else:
            self._send_now(frame(body))

    def close(self) -> None:
        """Close this end, whereupon the pod ends by itself."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.WriteTransport", transport)
        self._descriptor = transport.get_extra_info("socket").fileno()

    def data_received(self, data: bytes) -> None:
        """Hand on the messages that are complete."""
        try:
            bodies = self._reader.bodies(data)
        except ValueError:
            # No harness sends this, so user code has: the pod ends, and another one is started.
            self.close()
            return
        if bodies:
            self._on_bodies(bodies)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the reason is found elsewhere
        """Hand on that the pod is gone."""
        self._transport = None
        self._on_end()

    def _send_now(self, data: bytes) -> None:
        """Send without waiting for the end of this turn of the loop, as the transport would.

        So the pod wakes up while the engine does what is left to do.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            # Its descriptor may be another connection's by now.
            return
        sent = 0
        if not transport.get_write_buffer_size():
            try:
                sent = os.write(self._descriptor, data)
            except OSError:
                # The transport waits for room, and notices if the pod is gone.
                sent = 0
        if sent < len(data):
            transport.write(data[sent:])

    def _flush(self) -> None:
        unsent = self._unsent
        if unsent:
            data = unsent[0] if len(unsent) == 1 else b"".join(unsent)
            unsent.clear()
            if self._transport is not None:
                self._transport.write(data)
