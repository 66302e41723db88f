"""How far a forked process has come, for its template to see: a byte that both share."""

from __future__ import annotations

from headrace_harness.stdlib import mmap

FORKED, TOLD, IMPORTING, CALLED = range(4)
STEPS = ("forked", "told", "importing", "called")
"""Names of the steps, as the engine is told of them."""


class Progress:
    """Where a process is on the way to the user's function; made before it is forked.

    The template reads it only when the process takes long: a message would wake it for each call.
    """

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE)

    @property
    def step(self) -> int:
        """One of the steps of this module."""
        return self._memory[0]

    @step.setter
    def step(self, value: int) -> None:
        self._memory[0] = value
