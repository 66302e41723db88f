"""Standby: the states of an environment between work and rest (wire contract, appendix B)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from headrace.core.errors import InvalidRequest, ServerPaused

RETRY_AFTER_S = 30
"""When to ask a paused server again: only a person ends a pause."""


class EnvironmentStatus(StrEnum):
    """Whether an environment takes work, spelled as on the wire."""

    READY = "ready"
    PAUSE_ASKED = "pausing-step-1"
    """No work is taken; what is under way ends by itself."""
    PODS_GOING = "pausing-step-2"
    """Nothing is under way; the pods are being released."""
    STANDBY = "standby"
    RESUME_ASKED = "resuming-step-1"
    """No work is taken yet; the fire times of the pause are being recorded, and pods come back."""
    PODS_COMING = "resuming-step-2"
    """Work is taken again; pods are still coming back."""


PAUSING = frozenset(
    {EnvironmentStatus.PAUSE_ASKED, EnvironmentStatus.PODS_GOING, EnvironmentStatus.STANDBY}
)
_WITHOUT_PODS = frozenset({EnvironmentStatus.PODS_GOING, EnvironmentStatus.STANDBY})
"""Both are left by a request to resume, which must not end pods that still have calls."""
_ASKABLE = (EnvironmentStatus.PAUSE_ASKED, EnvironmentStatus.RESUME_ASKED)


@dataclass(frozen=True, slots=True)
class Standing:
    """The state of an environment.

    Attributes:
        status: The state.
        since: When it began, UTC; None if the environment was never paused.
        paused_since: When the pause was asked for that has not ended, UTC; else None.
    """

    status: EnvironmentStatus = EnvironmentStatus.READY
    since: datetime | None = None
    paused_since: datetime | None = None

    @property
    def takes_work(self) -> bool:
        """Whether executions are accepted and started, and pipelines built."""
        return self.paused_since is None

    @property
    def keeps_pods(self) -> bool:
        """Whether the pods of low-latency deployments are kept."""
        return self.status not in _WITHOUT_PODS

    @property
    def is_moving(self) -> bool:
        """Whether it is on its way to ``ready`` or to ``standby``."""
        return self.status not in {EnvironmentStatus.READY, EnvironmentStatus.STANDBY}

    def asked(self, status: EnvironmentStatus, at: datetime) -> Standing:
        """Return the state after a request to pause or to resume; the same if it is so already."""
        if status is EnvironmentStatus.PAUSE_ASKED:
            if self.status in PAUSING:
                return self
            return Standing(status, at, self.paused_since or at)
        return self if self.status not in PAUSING else Standing(status, at, self.paused_since)

    def moved(self, status: EnvironmentStatus, at: datetime) -> Standing:
        """Return the state after the next step on the way."""
        is_over = status in {EnvironmentStatus.PODS_COMING, EnvironmentStatus.READY}
        return Standing(status, at, None if is_over else self.paused_since)

    def check_work(self) -> None:
        """Refuse work.

        Raises:
            ServerPaused: The environment is paused.
        """
        if self.paused_since is not None:
            raise ServerPaused(
                f"The server has been paused since {self.paused_since:%Y-%m-%d %H:%M} UTC and "
                "takes no work: nothing was started. Send it again once somebody has resumed the "
                "server (headrace resume).",
                details={"environment_status": self.status, "retry_after_s": RETRY_AFTER_S},
            )


def check_asked_status(value: object) -> EnvironmentStatus:
    """Return the state that a caller asks for.

    Raises:
        InvalidRequest: It is none that can be asked for.
    """
    for status in _ASKABLE:
        if value == status.value:
            return status
    words = " or ".join(f'"{status.value}"' for status in _ASKABLE)
    raise InvalidRequest(
        f"status must be {words}: these pause and resume the environment, which does the rest by "
        f"itself; not {value!r:.80}."
    )
