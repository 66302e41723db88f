"""Where a pod's output goes: pieces of text in, whole lines to a log out."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Optional, Union

from headrace_harness.board import Board
from headrace_harness.capture import LineCutter
from headrace_harness.last_words import LastWords
from headrace_harness.shared_logs import PodLog, SharedLog
from headrace_harness.stdlib import _thread, contextlib, fcntl, socket, termios

_NOTHING = bytes(4)


# One at most. A list, so that it can be another one in a process that user code forks, where
# whoever held it at that moment does not exist. Reentrant, as a finalizer may print in a print.
_locks = [_thread.RLock()]


def lock() -> AbstractContextManager[bool]:
    """Return the lock of all sinks."""
    return _locks[0]


def renew_lock() -> None:
    """Replace the lock by one that nobody holds: in a process that was just forked."""
    _locks[0] = _thread.RLock()


class Sink:
    """Takes what threads write to one log, each its own lines.

    The file is opened with the first line, so what says nothing touches no file.

    Attributes:
        words: Keeps lines that have not ended, should the pod end first.

    Args:
        open_log: Opens the log.
        settle: Called before each write: has what native code wrote earlier go first.
        after: Takes what comes once this sink is closed.
        words: As the attribute; those of ``after``, if there is one.
        path: Path of the log, for them; nothing for the pod's own.
    """

    def __init__(
        self,
        open_log: Callable[[], Union[SharedLog, PodLog]],
        settle: Callable[[], None],
        after: Optional[Sink] = None,
        words: Optional[LastWords] = None,
        path: bytes = b"",
    ) -> None:
        self._open_log = open_log
        self._settle = settle
        self._after = after
        self._log: Optional[Union[SharedLog, PodLog]] = None
        self.words: Optional[LastWords] = words if after is None else after.words
        self._path = path
        self._cutters: dict[tuple[bytes, int], LineCutter] = {}
        self._places: dict[tuple[bytes, int], int] = {}
        self._is_closed = False

    def take(self, letter: bytes, data: bytes) -> None:
        """Take a piece of what a thread writes to stdout (``o``) or stderr (``e``)."""
        with lock():
            if self._is_closed and self._after is not None:
                self._after.take(letter, data)
                return
            key = letter, _thread.get_ident()
            cutter = self._cutters.pop(key, None) or LineCutter(letter, self)
            cutter.take(data)
            if cutter.is_midline:
                self._cutters[key] = cutter
                self._keep(key, cutter.partial)
            elif key in self._places:
                self._forget(key)

    def close(self) -> None:
        """Write lines that have no end yet, and close the log."""
        with lock():
            while self._cutters:
                key, cutter = self._cutters.popitem()
                cutter.finish()
                self._forget(key)
            self._is_closed = True
            if self._log is not None:
                with contextlib.suppress(OSError):
                    self._log.close()
                self._log = None

    def write(self, letter: bytes, lines: list[bytes]) -> None:
        """Append lines of one stream; one that cannot be written must not fail the call."""
        with contextlib.suppress(OSError):
            self._ready().write(letter, lines)

    def write_block(self, letter: bytes, block: bytes) -> None:
        """Append text that consists of whole lines, without its last line end."""
        with contextlib.suppress(OSError):
            self._ready().write_block(letter, block)

    def _keep(self, key: tuple[bytes, int], text: bytes) -> None:
        if self.words is None:
            return
        place = self._places.get(key)
        if place is None:
            place = self.words.take_place()
            if place is None:
                return
            self._places[key] = place
        self.words.keep(place, self._path, key[0], text)

    def _forget(self, key: tuple[bytes, int]) -> None:
        place = self._places.pop(key, None)
        if place is not None and self.words is not None:
            self.words.give_back(place)

    def _ready(self) -> Union[SharedLog, PodLog]:
        self._settle()
        if self._log is None:
            self._log = self._open_log()
        return self._log


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
        self._lock = _thread.allocate_lock()

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
        self._lock = _thread.allocate_lock()
        self._line = None
        self._descriptors = ()
