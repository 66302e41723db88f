"""Whether the executions of a deployment succeed: what its status does not say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from headrace.core.executions import Status
from headrace.core.outcomes import Failure, FailureKind

RECENT = 10
"""How many of the latest executions that have ended count."""


class HealthState(StrEnum):
    """How the latest executions of a deployment ended, in one word."""

    UNKNOWN = "unknown"
    HEALTHY = "healthy"
    UNSTEADY = "unsteady"
    FAILING = "failing"


@dataclass(frozen=True, slots=True)
class Ending:
    """How one execution ended."""

    execution_id: str
    status: Status
    failure: Failure | None
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class Health:
    """How the latest executions of a deployment ended.

    Attributes:
        endings: The latest at most :data:`RECENT`, newest first; cancelled ones do not count.
    """

    endings: tuple[Ending, ...] = ()

    @classmethod
    def of(cls, endings: Sequence[Ending]) -> Health:
        """Return the health that endings, newest first, make."""
        counted = [ending for ending in endings if not _is_cancelled(ending)]
        return cls(tuple(counted[:RECENT]))

    @property
    def failed(self) -> tuple[Ending, ...]:
        """The endings without success, newest first."""
        return tuple(ending for ending in self.endings if ending.failure is not None)

    @property
    def state(self) -> HealthState:
        """Failing if the newest one failed, unsteady if another one did."""
        if not self.endings:
            return HealthState.UNKNOWN
        if self.endings[0].failure is not None:
            return HealthState.FAILING
        return HealthState.UNSTEADY if self.failed else HealthState.HEALTHY


def _is_cancelled(ending: Ending) -> bool:
    # Somebody wanted it to end: that says nothing about the deployment.
    return ending.failure is not None and ending.failure.kind is FailureKind.CANCELLED
