"""Logs that several processes write at once: a pod, its guardian, other pods and the server."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Optional

from headrace_harness.capture import LogFile
from headrace_harness.stdlib import contextlib, fcntl, io, os


class SharedLog(LogFile):
    """Appends to the log of one call, up to a number of bytes.

    The time of a line is taken while no other process writes, so times ascend in the file.
    """

    def __init__(self, path: str, max_bytes: int) -> None:
        try:
            super().__init__(path, max_bytes)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            super().__init__(path, max_bytes)
        self._room = max(0, max_bytes - os.fstat(self.descriptor).st_size)

    def write(self, letter: bytes, lines: list[bytes]) -> None:
        """Append lines of one stream, all with the present time."""
        with locked(self.descriptor):
            super().write(letter, lines)

    def write_block(self, letter: bytes, block: bytes) -> None:
        """Append text that consists of whole lines, without its last line end."""
        with locked(self.descriptor):
            super().write_block(letter, block)


class PodLog:
    """The log of a deployment, as one pod writes it: the id of the pod begins each message.

    When the file holds more than ``max_bytes``, its older half is dropped: what matters of a
    worker that runs for months is what it said last. Never raises.
    """

    def __init__(self, path: str, pod_id: str, max_bytes: int) -> None:
        self._path = path
        self._pod = b" " + pod_id.encode()
        self._max_bytes = max_bytes
        self._file: Optional[LogFile] = None

    def write(self, letter: bytes, lines: list[bytes]) -> None:
        """Append lines of one stream, all with the present time."""
        self._append(lambda file: file.write(letter + self._pod, lines))

    def write_block(self, letter: bytes, block: bytes) -> None:
        """Append text that consists of whole lines, without its last line end."""
        self._append(lambda file: file.write_block(letter + self._pod, block))

    def close(self) -> None:
        """Close the file until there is more to write."""
        if self._file is not None:
            os.close(self._file.descriptor)
            self._file = None

    def _append(self, write: Callable[[LogFile], None]) -> None:
        with contextlib.suppress(OSError):
            while not self._append_to(self._open_file(), write):
                self.close()

    def _open_file(self) -> LogFile:
        if self._file is None:
            os.makedirs(os.path.dirname(self._path), exist_ok=True)
            # The bound is kept below: a file that is full is not the end of this log.
            self._file = LogFile(self._path, sys.maxsize)
        return self._file

    def _append_to(self, file: LogFile, write: Callable[[LogFile], None]) -> bool:
        """Append to a file; return False if it was not, or is no more, the one to write to."""
        with locked(file.descriptor):
            if not _is_at(file.descriptor, self._path):
                return False
            if os.fstat(file.descriptor).st_size > self._max_bytes:
                _drop_older_half(self._path)
                return False
            write(file)
        if file.has_dropped:
            self.close()  # the disk may have room the next time
        return True


@contextlib.contextmanager
def locked(descriptor: int) -> Iterator[None]:
    """Keep other processes from writing to a log."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _is_at(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except OSError:
        return False


def _drop_older_half(path: str) -> None:
    new = path + ".new"
    with io.open(path, "rb") as old, io.open(new, "wb") as kept:
        old.seek(os.fstat(old.fileno()).st_size // 2)
        old.readline()
        while True:
            piece = old.read(1 << 20)
            if not piece:
                break
            kept.write(piece)
    os.replace(new, path)
