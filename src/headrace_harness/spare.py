"""A process that was forked before its call is known, and waits to be told of it."""

from __future__ import annotations

import os

from headrace_harness.frames import FrameReader, Message, encode_frame

_READ_BYTES = 65536


class Ends:
    """The ends that belong to the waiting process.

    Attributes:
        orders: Where it reads of its call.
        out: What becomes its stdout.
        err: What becomes its stderr.
    """

    def __init__(self, orders: int, out: int, err: int) -> None:
        self.orders = orders
        self.out = out
        self.err = err

    def close(self) -> None:
        """Close them, in the template."""
        for descriptor in (self.orders, self.out, self.err):
            os.close(descriptor)

    def read_order(self) -> Message | None:
        """Wait to be told of the call; None if the template has changed its mind."""
        frames = FrameReader()
        while True:
            data = os.read(self.orders, _READ_BYTES)
            if not data:
                return None
            for message in frames.feed(data):
                os.close(self.orders)
                return message


class Spare:
    """A waiting process, as its template sees it.

    Attributes:
        pid: Its process.
        out: Where its stdout is read.
        err: Where its stderr is read.
    """

    def __init__(self, orders: int, out: int, err: int) -> None:
        self.pid = 0
        self._orders = orders
        self.out = out
        self.err = err

    @classmethod
    def open(cls) -> tuple[Spare, Ends]:
        """Return both sides of the pipes to a process that is about to be forked.

        Raises:
            OSError: There are no descriptors left.
        """
        opened: list[int] = []
        try:
            for _ in range(3):
                opened.extend(os.pipe())
        except OSError:
            for descriptor in opened:
                os.close(descriptor)
            raise
        orders, orders_writer, out, out_writer, err, err_writer = opened
        return cls(orders_writer, out, err), Ends(orders, out_writer, err_writer)

    def tell(self, message: Message) -> bool:
        """Tell the process of its call; return False if it is gone."""
        view = memoryview(encode_frame(message))
        try:
            while view:
                view = view[os.write(self._orders, view) :]
        except BrokenPipeError:
            return False
        os.close(self._orders)
        return True

    def has_ended(self) -> bool:
        """Tell whether the process is gone, killed from outside; if so, it has been reaped."""
        return os.waitpid(self.pid, os.WNOHANG)[0] == self.pid

    def discard(self) -> None:
        """Close this side of its pipes."""
        for descriptor in (self._orders, self.out, self.err):
            os.close(descriptor)
