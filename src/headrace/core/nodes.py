"""The nodes of a cluster on which executions run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node as it was last heard of.

    Attributes:
        id: Its id in the cluster.
        name: Name of its machine.
        address: Its address in the cluster.
        processors: Processors that the cluster counts on it.
        gpus: Graphics processors that the cluster counts on it.
        memory: Bytes of memory of its machine.
        memory_free: Bytes of it that are free.
        load: Load average of its machine over the last minute.
        executions: How many executions run on it.
        last_seen: Its last sign of life.
        problem: Why it takes no executions; empty if it does.
    """

    id: str
    name: str
    address: str
    processors: float
    gpus: float
    memory: int
    memory_free: int
    load: float
    executions: int
    last_seen: datetime
    problem: str = ""
