"""Messages between engine and template: a length of four bytes, then one JSON object."""

from __future__ import annotations

import json
import struct
from typing import Any

Message = dict[str, Any]

_LENGTH = struct.Struct(">I")


def encode_frame(message: Message) -> bytes:
    """Return the bytes of one message."""
    body = json.dumps(message, separators=(",", ":")).encode("ascii")
    return _LENGTH.pack(len(body)) + body


class FrameReader:
    """Turns a stream of bytes, in pieces of any size, into messages."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """Return the messages that ``data`` completes, in order."""
        self._pending += data
        messages = []
        start = 0
        while len(self._pending) - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._pending, start)
            end = start + _LENGTH.size + length
            if len(self._pending) < end:
                break
            messages.append(json.loads(self._pending[start + _LENGTH.size : end]))
            start = end
        del self._pending[:start]
        return messages
