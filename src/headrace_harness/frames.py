"""Messages between engine and harness: a length of four bytes, then one JSON object."""

from __future__ import annotations

from typing import Any, Optional

from headrace_harness.stdlib import json, struct

Message = dict[str, Any]

_LENGTH = struct.Struct(">I")


def encode_frame(message: Message) -> bytes:
    """Return the bytes of one message."""
    return frame(json.dumps(message, separators=(",", ":")).encode("ascii"))


def frame(body: bytes) -> bytes:
    """Return the bytes of a message that is JSON already."""
    return _LENGTH.pack(len(body)) + body


class FrameReader:
    """Turns a stream of bytes, in pieces of any size, into messages.

    Args:
        max_bytes: The greatest message that the other side may send; None for no limit.
    """

    def __init__(self, max_bytes: Optional[int] = None) -> None:
        self._pending = bytearray()
        self._max_bytes = (1 << 32) if max_bytes is None else max_bytes

    def feed(self, data: bytes) -> list[Message]:
        """Return the messages that ``data`` completes, in order."""
        return [json.loads(body) for body in self.bodies(data)]

    def bodies(self, data: bytes) -> list[bytes]:
        """Return the JSON texts of the messages that ``data`` completes, in order.

        Raises:
            ValueError: A message is too large.
        """
        if self._pending:
            self._pending += data
            (length,) = _LENGTH.unpack_from(self._pending) if len(self._pending) >= 4 else (0,)
            if length > self._max_bytes:
                raise ValueError(f"a message of {length} bytes")
            # A large message comes in many pieces, which are looked at once it is whole.
            if len(self._pending) < _LENGTH.size + length:
                return []
            data = bytes(self._pending)
            self._pending.clear()
        found = []
        start = 0
        size = len(data)
        # Mostly one message comes, and whole.
        if size > 4 and _LENGTH.unpack_from(data)[0] == size - 4:
            return [data[4:]]
        while size - start >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(data, start)
            end = start + _LENGTH.size + length
            if size < end:
                break
            found.append(data[start + _LENGTH.size : end])
            start = end
        if start < size:
            self._pending += data[start:]
        return found
