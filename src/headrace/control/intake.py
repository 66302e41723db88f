"""The one answer of a process to the question whether it takes work."""

from __future__ import annotations

from headrace.core.standby import Standing


class Intake:
    """The state of the environment as this process knows it.

    It follows the database (:mod:`headrace.control.standby`), which only this process changes.

    Attributes:
        standing: The state.
    """

    def __init__(self, standing: Standing | None = None) -> None:
        self.standing = standing or Standing()

    @property
    def is_open(self) -> bool:
        """Whether executions are accepted and started, and pipelines built."""
        return self.standing.takes_work

    @property
    def keeps_pods(self) -> bool:
        """Whether the pods of low-latency deployments are kept."""
        return self.standing.keeps_pods

    def check(self) -> None:
        """Refuse work.

        Raises:
            ServerPaused: The environment is paused.
        """
        self.standing.check_work()

    def follow(self, standing: Standing) -> None:
        """Take another state."""
        self.standing = standing
