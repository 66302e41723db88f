"""A process that was forked before its call is known, and the line on which it is told of it."""

from __future__ import annotations

from typing import Optional

from headrace_harness import usage
from headrace_harness.frames import FrameReader, Message, encode_frame
from headrace_harness.progress import TOLD, Progress
from headrace_harness.stdlib import contextlib, os, socket

_READ_BYTES = 65536


_DONE = b"d"
_DONE_BYTES = 128
_LEAVING_NICENESS = 10


class Ends:
    """The ends that belong to the waiting process.

    Attributes:
        out: What becomes its stdout.
        err: What becomes its stderr.
        progress: Where it shows how far it has come.
    """

    def __init__(self, line: socket.socket, out: int, err: int, progress: Progress) -> None:
        self._line = line
        self.out = out
        self.err = err
        self.progress = progress

    def close(self) -> None:
        """Close them, in the template."""
        self._line.close()
        os.close(self.out)
        os.close(self.err)

    def read_order(self) -> Message | None:
        """Wait to be told of the call; None if the template has changed its mind."""
        frames = FrameReader()
        while True:
            data = self._line.recv(_READ_BYTES)
            if not data:
                return None
            for message in frames.feed(data):
                self.progress.step = TOLD
                return message

    def say_done(self) -> None:
        """Tell the template that the report is there, all output written, and nobody left behind.

        The message says what was used until now; it is too early for the template to ask.

        What follows is the kernel's taking the memory apart, which may take longer than the call;
        that gives way to those who now pass the report on.
        """
        with contextlib.suppress(OSError):
            os.nice(_LEAVING_NICENESS)
        # Without the message, the template waits for the end of the process instead.
        with contextlib.suppress(OSError):
            self._line.send(_DONE + usage.own())


class Spare:
    """A waiting process, as its template sees it.

    Attributes:
        pid: Its process.
        line: On which it is told of its call, and says that it is done.
        out: Where its stdout is read.
        err: Where its stderr is read.
        progress: How far it has come.
    """

    def __init__(self, line: socket.socket, out: int, err: int, progress: Progress) -> None:
        self.pid = 0
        self.line = line
        self.out = out
        self.err = err
        self.progress = progress

    @classmethod
    def open(cls) -> tuple[Spare, Ends]:
        """Return both sides of what joins the template and a process that is about to be forked.

        Raises:
            OSError: There are no descriptors left.
        """
        mine, theirs = socket.socketpair()
        opened: list[int] = []
        try:
            for _ in range(2):
                opened.extend(os.pipe())
            progress = Progress()
        except OSError:
            mine.close()
            theirs.close()
            for descriptor in opened:
                os.close(descriptor)
            raise
        out, out_writer, err, err_writer = opened
        ends = Ends(theirs, out_writer, err_writer, progress)
        return cls(mine, out, err, progress), ends

    def tell(self, message: Message) -> bool:
        """Tell the process of its call; return False if it is gone."""
        try:
            self.line.sendall(encode_frame(message))
        except OSError:
            return False
        return True

    def has_ended(self) -> bool:
        """Check whether the process is gone, killed from outside; if so, it has been reaped."""
        return os.waitpid(self.pid, os.WNOHANG)[0] == self.pid

    def discard(self) -> None:
        """Close this side of what joins it to the template."""
        self.line.close()
        os.close(self.out)
        os.close(self.err)


def read_done(line: socket.socket) -> Optional[bytes]:
    """Return what a process that is done says it has used; None if the line is merely closed."""
    try:
        said = line.recv(_DONE_BYTES)
    except OSError:
        return None
    return said[1:] if said.startswith(_DONE) else None
