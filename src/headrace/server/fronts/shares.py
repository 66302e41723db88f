"""Which part of a deployment's pods each process keeps."""

from __future__ import annotations

from dataclasses import replace
from math import ceil

from headrace.core.deployments import Deployment
from headrace.pods.elsewhere import Share


def share_of(number: int, processes: int) -> Share:
    """Return the share of a process.

    A deployment with fewer pods than there are processes has all of them in the main process.

    Args:
        number: Which process; the main one is 0.
        processes: How many there are.
    """

    def share(deployment: Deployment) -> Deployment | None:
        low_latency = deployment.low_latency
        if low_latency is None or processes == 1:
            return deployment
        if low_latency.pods < processes:
            return deployment if number == 0 else None
        whole, rest = divmod(low_latency.pods, processes)
        pods = whole + (number < rest)
        queue = ceil(low_latency.max_queue * pods / low_latency.pods)
        return replace(deployment, low_latency=replace(low_latency, pods=pods, max_queue=queue))

    return share
