"""Lines that a pod has begun and not ended, in memory that its guardian can read after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional, Union

from headrace_harness.stdlib import mmap

_SLOTS = 64
_TEXT_BYTES = 4096
_PATH_BYTES = 4096
_HEAD_BYTES = 8
_SLOT_BYTES = _HEAD_BYTES + _PATH_BYTES + _TEXT_BYTES


class LastWords:
    """A few places for unfinished lines; made before the fork that parts pod and guardian.

    The callers in a pod hold the lock of all sinks.
    """

    def __init__(self) -> None:
        self._memory: Union[mmap.mmap, bytearray] = mmap.mmap(-1, _SLOTS * _SLOT_BYTES)
        self._free = list(range(_SLOTS))

    def part(self) -> None:
        """Share nothing from now on: in a process that user code forked."""
        self._memory = bytearray(_SLOTS * _SLOT_BYTES)

    def take_place(self) -> Optional[int]:
        """Return a place for one line, to be given back; None if all are taken."""
        return self._free.pop() if self._free else None

    def keep(self, place: int, log: bytes, letter: bytes, text: bytes) -> None:
        """Keep the beginning of a line, at most its last 4,096 bytes.

        Args:
            place: From :meth:`take_place`.
            log: Path of the log that it belongs to; nothing for the pod's own.
            letter: Its stream, ``o`` or ``e``.
            text: What there is of it.
        """
        text = text[-_TEXT_BYTES:]
        start = place * _SLOT_BYTES
        memory = self._memory
        # The length is written last, so that a half-written line is never read.
        memory[start : start + 2] = b"\0\0"
        if len(log) > _PATH_BYTES:
            return
        memory[start + 2 : start + 5] = len(log).to_bytes(2, "big") + letter
        body = start + _HEAD_BYTES
        memory[body : body + len(log)] = log
        body += _PATH_BYTES
        memory[body : body + len(text)] = text
        memory[start : start + 2] = len(text).to_bytes(2, "big")

    def give_back(self, place: int) -> None:
        """Forget a line: it has ended and is in its log."""
        start = place * _SLOT_BYTES
        self._memory[start : start + 2] = b"\0\0"
        self._free.append(place)

    def read(self) -> Iterator[tuple[bytes, bytes, bytes]]:
        """Yield the log, letter and text of each line that is kept."""
        for start in range(0, _SLOTS * _SLOT_BYTES, _SLOT_BYTES):
            size = int.from_bytes(self._memory[start : start + 2], "big")
            if size:
                length = int.from_bytes(self._memory[start + 2 : start + 4], "big")
                letter = bytes(self._memory[start + 4 : start + 5])
                body = start + _HEAD_BYTES
                log = bytes(self._memory[body : body + length])
                body += _PATH_BYTES
                yield log, letter, bytes(self._memory[body : body + size])
