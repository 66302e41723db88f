"""The pods that other processes of this server keep of the same deployments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

from headrace.core.deployments import Deployment
from headrace.core.pods import PodSetState

Share = Callable[[Deployment], Deployment | None]
"""Gives a low-latency deployment with the pods that one process keeps; None if it keeps none."""


def whole(deployment: Deployment) -> Deployment:
    """Return a deployment as it is: one process keeps all pods (:data:`Share`)."""
    return deployment


class Elsewhere(Protocol):
    """What is known of the pods in other processes."""

    def states(self, deployment_id: str) -> Sequence[PodSetState]:
        """Return the state of a deployment's pods in each process that has some."""
        ...

    def are_released(self) -> bool:
        """Check whether none has pods."""
        ...


class Nowhere:
    """There are no other processes (:class:`Elsewhere`)."""

    def states(self, deployment_id: str) -> Sequence[PodSetState]:  # noqa: ARG002 - of none
        """Return no states."""
        return ()

    def are_released(self) -> bool:
        """Return that there are no pods."""
        return True


def with_others(own: PodSetState, others: Sequence[PodSetState]) -> PodSetState:
    """Return the state of a deployment's pods in all processes together."""
    if not others:
        return own
    return replace(
        own,
        pods=(*own.pods, *(pod for each in others for pod in each.pods)),
        running=own.running + sum(each.running for each in others),
        waiting=own.waiting + sum(each.waiting for each in others),
    )
