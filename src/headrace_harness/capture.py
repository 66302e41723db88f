"""What user code writes, from its pipes to the lines of a log file.

The form of a line is that of ``headrace.core.loglines``. Text that a carriage return would make
a terminal overwrite is left out: of a progress bar, the last state stays.
"""

from __future__ import annotations

import sys
from typing import Protocol

from headrace_harness.stdlib import os, time

CHUNK_BYTES = 65536
LINE_BYTES = 65536

_DRAIN_CHUNKS = 256  # 16 MiB: more than any pipe holds


class LogFile:
    """Appends lines to the log of one call, up to a number of bytes."""

    def __init__(self, path: str, max_bytes: int) -> None:
        self.descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._max_bytes = max_bytes
        self._room = max_bytes
        self._dropped = 0
        self._last_us = 0

    def write(self, letter: bytes, lines: list[bytes]) -> None:
        """Append lines of one stream (``o``, ``e`` or ``h``), all with the present time."""
        prefix = b"%d %b " % (self._now_us(), letter)
        self._append(b"".join([prefix + line + b"\n" for line in lines]), len(lines))

    def write_block(self, letter: bytes, block: bytes) -> None:
        """Append text that consists of whole lines, without its last line end; fast."""
        prefix = b"%d %b " % (self._now_us(), letter)
        self._append(prefix + block.replace(b"\n", b"\n" + prefix) + b"\n", block.count(b"\n") + 1)

    @property
    def has_dropped(self) -> bool:
        """Whether lines were lost, for want of room."""
        return self._dropped > 0

    def close(self) -> None:
        """Say how many lines were dropped, if any, and close the file."""
        if self._dropped:
            dropped, self._dropped, self._room = self._dropped, 0, sys.maxsize
            text = (
                f"{dropped} more lines were not kept: the log of one call holds "
                f"at most {self._max_bytes} bytes, and only while the disk has room."
            )
            self.write(b"h", [text.encode()])
        os.close(self.descriptor)

    def _append(self, data: bytes, lines: int) -> None:
        if self._dropped:
            self._dropped += lines
            return
        if len(data) > self._room:
            end = data.rfind(b"\n", 0, self._room) + 1
            self._dropped = data.count(b"\n", end)
            data = data[:end]
        self._room -= len(data)
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self.descriptor, view) :]
        except OSError:
            self._dropped += lines

    def _now_us(self) -> int:
        self._last_us = max(self._last_us, time.time_ns() // 1000)
        return self._last_us


class Lines(Protocol):
    """What takes lines, as a log file does."""

    def write(self, letter: bytes, lines: list[bytes]) -> None:
        """Append lines of one stream."""
        ...

    def write_block(self, letter: bytes, block: bytes) -> None:
        """Append text that consists of whole lines, without its last line end."""
        ...


class LineCutter:
    """Cuts one stream of text into lines for a log."""

    def __init__(self, letter: bytes, log: Lines) -> None:
        self._letter = letter
        self._log = log
        self._partial = b""

    @property
    def is_midline(self) -> bool:
        """Whether a line has begun that has no end yet."""
        return bool(self._partial)

    @property
    def partial(self) -> bytes:
        """The line that has no end yet, as far as it goes."""
        return as_shown(self._partial)

    def take(self, chunk: bytes) -> None:
        """Take the next piece of the stream."""
        data = self._partial + chunk
        block, found, self._partial = data.rpartition(b"\n")
        if found:
            if len(block) <= LINE_BYTES and b"\r" not in block:
                self._log.write_block(self._letter, block)
            else:
                self._log.write(self._letter, split_lines(block))
        if b"\r" in self._partial:
            ended = b"\r" if self._partial.endswith(b"\r") else b""
            self._partial = as_shown(self._partial) + ended
        while len(self._partial) > LINE_BYTES:
            self._log.write(self._letter, [self._partial[:LINE_BYTES]])
            self._partial = self._partial[LINE_BYTES:]

    def finish(self) -> None:
        """Write the last line even without a line end."""
        if self._partial:
            self._log.write(self._letter, [as_shown(self._partial)])
            self._partial = b""


class Pipe:
    """The reading end of a process's stdout or stderr."""

    def __init__(self, descriptor: int, letter: bytes, log: Lines) -> None:
        os.set_blocking(descriptor, False)
        self.descriptor = descriptor
        self.letter = letter
        self._lines = LineCutter(letter, log)

    @property
    def is_midline(self) -> bool:
        """Whether a line has begun that has no end yet."""
        return self._lines.is_midline

    @property
    def partial(self) -> bytes:
        """The line that has no end yet, as far as it goes."""
        return self._lines.partial

    def read(self) -> bool:
        """Take at most one chunk that is ready; return False at the end of the stream."""
        try:
            chunk = os.read(self.descriptor, CHUNK_BYTES)
        except BlockingIOError:
            return True
        if chunk:
            self._lines.take(chunk)
        return bool(chunk)

    def drain(self) -> None:
        """Take all that is in the pipe, and the last line even without a line end."""
        self.take_rest()
        self._lines.finish()

    def take_rest(self) -> None:
        """Take all that is in the pipe."""
        for _ in range(_DRAIN_CHUNKS):
            try:
                chunk = os.read(self.descriptor, CHUNK_BYTES)
            except BlockingIOError:
                break
            if not chunk:
                break
            self._lines.take(chunk)

    def close(self) -> None:
        """Close the descriptor."""
        os.close(self.descriptor)


def split_lines(block: bytes) -> list[bytes]:
    """Return the lines of a block as a terminal would leave them, cut to the permitted length."""
    lines: list[bytes] = []
    for raw in block.split(b"\n"):
        line = as_shown(raw)
        lines.extend(
            line[start : start + LINE_BYTES] for start in range(0, len(line) or 1, LINE_BYTES)
        )
    return lines


def as_shown(line: bytes) -> bytes:
    """Return the visible rest of a line after its carriage returns."""
    return line.rstrip(b"\r").rpartition(b"\r")[2]
