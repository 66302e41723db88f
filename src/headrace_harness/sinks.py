"""Where a pod's output goes: pieces of text in, whole lines to a log out."""

from __future__ import annotations

import contextlib
import fcntl
import socket
import termios
import threading
from collections.abc import Callable
from typing import Optional, Union

from headrace_harness.board import Board
from headrace_harness.capture import LINE_BYTES, as_shown, split_lines
from headrace_harness.shared_logs import PodLog, SharedLog

_NOTHING = bytes(4)


class Sink:
    """Takes what threads write to one log and appends it line by line.

    The file is opened with the first line, so what says nothing touches no file.

    Args:
        open_log: Opens the log.
        settle: Called before each write: has what native code wrote earlier go first.
        after: Takes what comes once this sink is closed.
    """

    def __init__(
        self,
        open_log: Callable[[], Union[SharedLog, PodLog]],
        settle: Callable[[], None],
        after: Optional[Sink] = None,
    ) -> None:
        self._open_log = open_log
        self._settle = settle
        self._after = after
        self._log: Optional[Union[SharedLog, PodLog]] = None
        # Threads print at once, each its own lines; a finalizer may print inside of a print.
        self._lock = threading.RLock()
        self._partial: dict[tuple[bytes, int], bytes] = {}
        self._is_closed = False

    def take(self, letter: bytes, data: bytes) -> None:
        """Take a piece of what a thread writes to stdout (``o``) or stderr (``e``)."""
        with self._lock:
            if self._is_closed and self._after is not None:
                self._after.take(letter, data)
                return
            key = letter, threading.get_ident()
            block, found, rest = (self._partial.pop(key, b"") + data).rpartition(b"\n")
            if found:
                self._write(letter, block)
            while len(rest) > LINE_BYTES:
                self._write(letter, rest[:LINE_BYTES])
                rest = rest[LINE_BYTES:]
            if rest:
                self._partial[key] = rest

    def close(self) -> None:
        """Write lines that have no end yet, and close the log."""
        with self._lock:
            while self._partial:
                (letter, _), rest = self._partial.popitem()
                self._write(letter, rest)
            self._is_closed = True
            if self._log is not None:
                with contextlib.suppress(OSError):
                    self._log.close()
                self._log = None

    def _write(self, letter: bytes, block: bytes) -> None:
        self._settle()
        # A log that cannot be written must not fail the call.
        with contextlib.suppress(OSError):
            if self._log is None:
                self._log = self._open_log()
            if len(block) <= LINE_BYTES and b"\r" not in block:
                self._log.write_block(letter, block)
            else:
                self._log.write(letter, split_lines(as_shown(block)))


class NativeOutput:
    """What goes to the descriptors 1 and 2: it takes another way to the log, by the guardian.

    Args:
        board: What the guardian shows.
        descriptors: The writing ends of the pipes to the guardian.
        line: On which the guardian can be asked to empty them.
    """

    def __init__(self, board: Board, descriptors: tuple[int, ...], line: socket.socket) -> None:
        self._board = board
        self._descriptors = descriptors
        self._line: Optional[socket.socket] = line
        self._lock = threading.Lock()

    def settle(self) -> None:
        """Return when all that was written so far is in its log."""
        for descriptor in self._descriptors:
            if fcntl.ioctl(descriptor, termios.FIONREAD, _NOTHING) != _NOTHING:
                break
        else:
            if not self._board.is_reading:
                return
        with self._lock, contextlib.suppress(OSError):
            if self._line is not None:
                self._line.send(b"s")
                self._line.recv(1)

    def forget(self) -> None:
        """Do nothing from now on: in a process that user code forked."""
        self._lock = threading.Lock()
        self._line = None
        self._descriptors = ()
