"""How fast a pod answers, and how many calls it may be sent ahead of that."""

from __future__ import annotations

AHEAD_S = 0.005
"""Work that a pod which takes one call at a time may have waiting on its side."""

_MAX_AHEAD = 64
_SHARE = 0.2
_LEAST_S = 1e-6


class Pace:
    """The time that calls of one pod take.

    A pod that answers fast is sent the next calls before it has answered, which saves both sides
    a turn for each; a slow one is not, because another pod may be free sooner.

    Attributes:
        call_s: Seconds from one answer to the next while the pod is busy, smoothed.
        window: Calls that a pod which takes one at a time may have, the running one included.
    """

    def __init__(self) -> None:
        self.call_s = AHEAD_S
        self.window = 1
        self._since = 0.0

    def begin(self, now: float) -> None:
        """Take note that the pod was idle and has work now."""
        self._since = now

    def note_answers(self, now: float, count: int) -> None:
        """Take note that so many calls were answered."""
        self.call_s += _SHARE * ((now - self._since) / count - self.call_s)
        self._since = now
        self.window = max(1, min(_MAX_AHEAD, int(AHEAD_S / max(self.call_s, _LEAST_S))))

    def slow_down(self) -> None:
        """Send nothing ahead until calls are fast again."""
        self.call_s = max(self.call_s, AHEAD_S)
        self.window = 1
