"""The stream between the server and its bridge: messages with their length before them."""

from __future__ import annotations

import asyncio
import socket
import struct

_LENGTH = struct.Struct(">I")
_LIMIT = 4 << 20


class Stream:
    """One end of the stream."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, end: socket.socket) -> Stream:
        """Return the stream over a connected socket, which belongs to it from now on."""
        return cls(*await asyncio.open_unix_connection(sock=end, limit=_LIMIT))

    def send(self, message: bytes) -> None:
        """Send a message; nothing happens if the other end is gone."""
        if not self._writer.is_closing():
            self._writer.writelines((_LENGTH.pack(len(message)), message))

    async def receive(self) -> bytes | None:
        """Return the next message, or None if the other end is gone."""
        try:
            (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
            return await self._reader.readexactly(length)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    def close(self) -> None:
        """Close this end."""
        self._writer.close()
