"""Messages to and from one template, on the event loop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import cast

from headrace_harness.frames import FrameReader, Message, encode_frame


class Channel(asyncio.Protocol):
    """The engine's end of a template's socket."""

    def __init__(self, on_message: Callable[[Message], None], on_end: Callable[[], None]) -> None:
        self._frames = FrameReader()
        self._on_message = on_message
        self._on_end = on_end
        self._transport: asyncio.WriteTransport | None = None

    @classmethod
    async def connect(
        cls,
        end: socket.socket,
        *,
        on_message: Callable[[Message], None],
        on_end: Callable[[], None],
    ) -> Channel:
        """Return a channel on a connected socket.

        Args:
            end: The socket; the channel owns it from now on.
            on_message: Called with each message.
            on_end: Called once, when either side has closed.
        """
        loop = asyncio.get_running_loop()
        _, channel = await loop.create_unix_connection(lambda: cls(on_message, on_end), sock=end)
        return channel

    def send(self, message: Message) -> None:
        """Send a message; nothing happens if the channel has ended."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(encode_frame(message))

    def close(self) -> None:
        """Close this end, whereupon the template ends with all that runs in it."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        """Hand on the messages that are complete."""
        for message in self._frames.feed(data):
            self._on_message(message)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the reason is found elsewhere
        """Hand on that the template is gone."""
        self._on_end()
