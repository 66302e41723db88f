"""A page of memory that the main process and one front both see: numbers that are read at once."""

from __future__ import annotations

import mmap
import os

_BYTES = 4096
_CHANGES, _HELD, _ROWS, _CALLS, _PODS, _ANSWERED = range(6)


class Page:
    """What one of them says to the other without a message.

    A number is written by one of the two alone, in one store of the processor, so it is never seen
    half written. What was written before a message or an answer left is seen by whoever got it.

    Args:
        descriptor: Of a file in memory.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self._map = mmap.mmap(descriptor, _BYTES)
        self._numbers = memoryview(self._map).cast("Q")

    @classmethod
    def make(cls) -> Page:
        """Make a new one, with zeros."""
        descriptor = os.memfd_create("headrace-front", os.MFD_CLOEXEC)
        os.ftruncate(descriptor, _BYTES)
        return cls(descriptor)

    @property
    def changes(self) -> int:
        """How often an endpoint or a variable has changed; written by the main process."""
        return self._numbers[_CHANGES]

    @changes.setter
    def changes(self, number: int) -> None:
        self._numbers[_CHANGES] = number

    @property
    def is_held(self) -> bool:
        """Whether the front begins no calls; written by the main process."""
        return self._numbers[_HELD] != 0

    @is_held.setter
    def is_held(self, is_held: bool) -> None:
        self._numbers[_HELD] = int(is_held)

    @property
    def has_rows(self) -> bool:
        """Whether rows of the front may not be in the database yet; written by the front."""
        return self._numbers[_ROWS] != 0

    @has_rows.setter
    def has_rows(self, has_rows: bool) -> None:
        self._numbers[_ROWS] = int(has_rows)

    @property
    def calls(self) -> int:
        """How many calls are under way in the front; written by it."""
        return self._numbers[_CALLS]

    @calls.setter
    def calls(self, number: int) -> None:
        self._numbers[_CALLS] = number

    @property
    def has_pods(self) -> bool:
        """Whether the front has pods, or ends some; written by it."""
        return self._numbers[_PODS] != 0

    @has_pods.setter
    def has_pods(self, has_pods: bool) -> None:
        self._numbers[_PODS] = int(has_pods)

    @property
    def answered(self) -> int:
        """How many calls the front has begun since it started; written by it."""
        return self._numbers[_ANSWERED]

    @answered.setter
    def answered(self, number: int) -> None:
        self._numbers[_ANSWERED] = number

    def clear_front(self) -> None:
        """Forget what a front said that is gone; its journal was taken up."""
        self.has_rows = self.has_pods = False
        self.calls = self.answered = 0

    def close(self) -> None:
        """Let go of it."""
        self._numbers.release()
        self._map.close()
        os.close(self.descriptor)
