"""What a pod's process shows its guardian without a message: memory that both share."""

from __future__ import annotations

from typing import Union

from headrace_harness.stdlib import mmap

_BYTES = 8192
_STARTED, _LOG_LENGTH, _IS_READING = range(3)
_LOG = 64


class Board:
    """A few words in shared memory; made before the fork that parts the pod from its guardian.

    What stands on it outlives the pod, however that ends.
    """

    def __init__(self) -> None:
        self._use(mmap.mmap(-1, _BYTES))

    def part(self) -> None:
        """Share nothing from now on: in a process that user code forked."""
        self._use(bytearray(_BYTES))

    def begin(self, number: int, log: bytes) -> None:
        """Say that a call starts, and which log has what is written to the descriptors 1 and 2.

        Args:
            number: The call's number; those of one pod ascend.
            log: Path of the log, or nothing if no one call can claim that output.
        """
        words = self._words
        words[_STARTED] = number
        if log and len(log) <= _BYTES - _LOG:
            self._memory[_LOG : _LOG + len(log)] = log
            words[_LOG_LENGTH] = len(log)

    def end(self) -> None:
        """Say that no one call can claim such output any more."""
        self._words[_LOG_LENGTH] = 0

    @property
    def started(self) -> int:
        """The highest number of a call that has started."""
        return self._words[_STARTED]

    @property
    def log(self) -> bytes:
        """The log that such output belongs to; nothing for the pod's own."""
        words = self._words
        while True:
            seen = words[_STARTED], words[_LOG_LENGTH]
            log = bytes(self._memory[_LOG : _LOG + seen[1]])
            # Otherwise a call began while this was read.
            if seen == (words[_STARTED], words[_LOG_LENGTH]):
                return log

    @property
    def is_reading(self) -> bool:
        """Whether the guardian holds output that is not in its log yet."""
        return self._words[_IS_READING] != 0

    @is_reading.setter
    def is_reading(self, value: bool) -> None:
        self._words[_IS_READING] = value

    def _use(self, memory: Union[mmap.mmap, bytearray]) -> None:
        self._memory = memoryview(memory)
        self._words = self._memory.cast("Q")
