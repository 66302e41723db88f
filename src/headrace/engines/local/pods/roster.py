"""The pods of one crew: those that take calls, and those that only finish what they have."""

from __future__ import annotations

from headrace.engines.local.pods.pod import Pod


class Roster:
    """Pods on their way from their first call to their end.

    Attributes:
        open: Those that take calls.
        leaving: Those that take no more.
    """

    def __init__(self) -> None:
        self.open: list[Pod] = []
        self.leaving: set[Pod] = set()

    @property
    def all(self) -> list[Pod]:
        """All pods that may have calls."""
        return [*self.open, *self.leaving]

    @property
    def running(self) -> int:
        """Calls that run."""
        return sum(pod.calls.running for pod in self.all)

    def let_leave(self, pod: Pod) -> None:
        """Send a pod no more calls; it ends when it has finished those that it has."""
        self.open.remove(pod)
        self.leaving.add(pod)
        self.end_finished()

    def let_idle_leave(self) -> None:
        """End the pods that have nothing to do."""
        for pod in [pod for pod in self.open if not pod.calls.waited_for]:
            self.let_leave(pod)

    def trim(self, count: int) -> None:
        """Let go of pods beyond a number: those that are replaced, then the idlest."""
        while len(self.open) > count:
            self.let_leave(
                min(self.open, key=lambda pod: (not pod.is_leaving, pod.calls.waited_for))
            )

    def end_finished(self) -> None:
        """End the pods that have finished what they had."""
        for pod in list(self.leaving):
            if not pod.calls.waited_for:
                pod.end()

    def forget(self, pod: Pod) -> None:
        """Forget a pod that has ended."""
        self.leaving.discard(pod)
