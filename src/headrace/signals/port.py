"""The contract of signals."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

PENDING = "pending"
"""Executions may be waiting for a slot."""

BUILDS = "builds"
"""Pipelines may be waiting for their build."""

SCHEDULES = "schedules"
"""Schedules may be due earlier than was known."""

DEPLOYMENTS = "deployments"
"""Low-latency deployments may have been created, changed or deleted."""

STANDBY = "standby"
"""The environment may have been asked to pause or to resume."""


def execution_topic(execution_id: str) -> str:
    """Return the topic of one execution's end."""
    return f"execution:{execution_id}"


def pipeline_topic(name: str) -> str:
    """Return the topic of the end of one pipeline's build."""
    return f"pipeline:{name}"


class Subscription(Protocol):
    """One listener of one topic."""

    async def wait(self, timeout_s: float) -> bool:
        """Return True once the topic was signalled since the last wait, False after the time."""
        ...


class Signals(Protocol):
    """Hints between those who change and those who wait.

    A signal may be lost, doubled or late: it shortens a wait and decides nothing. Whoever waits
    subscribes first, then looks at the state, then waits, for a bounded time.
    """

    def notify(self, topic: str) -> None:
        """Wake the listeners of a topic; never blocks, never raises."""
        ...

    def listen(self, topic: str) -> AbstractContextManager[Subscription]:
        """Listen to a topic for as long as the context lasts."""
        ...
