"""How long to wait before a pod is started again."""

from __future__ import annotations

from headrace.engines.local.pods.settings import PodSettings


class Backoff:
    """Counts ends and failed starts in a row; the first of them is forgiven."""

    def __init__(self, settings: PodSettings) -> None:
        self._settings = settings
        self._failures = 0

    def note_end(self, lived_s: float) -> None:
        """Take note of a pod that ended after it was up for so long; 0 if it never was."""
        if lived_s >= self._settings.settled_s:
            self._failures = 0
        self._failures += 1

    def forgive(self) -> None:
        """Forget all of them."""
        self._failures = 0

    @property
    def delay_s(self) -> float:
        """Seconds to wait before the next start."""
        if self._failures < 2:
            return 0.0
        return float(
            min(self._settings.max_retry_s, self._settings.retry_s * 2 ** (self._failures - 2))
        )
