"""How fast a pod answers, and how many calls it may be sent ahead of that."""

from __future__ import annotations

AHEAD_S = 0.005
"""Work that a pod which takes one call at a time may have waiting on its side."""

_MAX_AHEAD = 64
_SHARE = 0.2


class Pace:
    """The time that calls of one pod take.

    A pod that answers fast is sent the next calls before it has answered, which saves both sides
    a turn for each; a slow one is not, because another pod may be free sooner.
    """

    def __init__(self) -> None:
        self._call_s = AHEAD_S
        self._since = 0.0

    @property
    def call_s(self) -> float:
        """Seconds from one answer to the next while the pod is busy, smoothed."""
        return self._call_s

    @property
    def window(self) -> int:
        """Calls that a pod which takes one at a time may have, the running one included."""
        return max(1, min(_MAX_AHEAD, int(AHEAD_S / self._call_s))) if self._call_s > 0 else 1

    def begin(self, now: float) -> None:
        """Take note that the pod was idle and has work now."""
        self._since = now

    def note_answers(self, now: float, count: int) -> None:
        """Take note that so many calls were answered."""
        self._call_s += _SHARE * ((now - self._since) / count - self._call_s)
        self._since = now

    def slow_down(self) -> None:
        """Send nothing ahead until calls are fast again."""
        self._call_s = max(self._call_s, AHEAD_S)
