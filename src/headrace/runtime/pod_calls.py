"""A pod as an engine: one recorded execution is handed to it, and its outcome awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from headrace.core.calls import Call, Code
from headrace.core.outcomes import CANCELLED, Failure, FailureKind, Outcome
from headrace.core.pods import PodCall, QueueFull
from headrace.engines.port import ItemReader, PodEngine

GONE = Failure(
    FailureKind.WORKER_LOST, "The pods of this deployment were gone when the execution's turn came."
)


@dataclass(slots=True)
class PodLane:
    """The pods of one deployment (:class:`headrace.engines.port.Engine`).

    Attributes:
        pods: Who keeps them.
        deployment_id: Whose pods they are.
        on_items: Given the reader of what the function yields; None if nobody reads.
    """

    pods: PodEngine
    deployment_id: str
    on_items: Callable[[ItemReader], None] | None = None

    async def run(self, call: Call) -> Outcome:
        """Have a pod make one call; see the port."""
        made = PodCall(
            execution_id=call.execution_id,
            values=call.values,
            files=call.files,
            identity={
                name: value
                for name, value in call.identity.items()
                if name.endswith("EXECUTION_ID")
            },
            variables=call.variables,
            log=str(call.log),
            workspace=str(call.workspace),
            stream=self.on_items is not None,
        )
        call.log.parent.mkdir(parents=True, exist_ok=True)
        try:
            ticket = self.pods.submit(self.deployment_id, made)
        except KeyError:
            return GONE
        if isinstance(ticket, QueueFull):
            return Failure(
                FailureKind.WORKER_LOST,
                f"{ticket.waiting} calls of this deployment were waiting already.",
            )
        if self.on_items is not None and ticket.items is not None:
            self.on_items(ticket.items)
        try:
            return await asyncio.shield(ticket.ended)
        except asyncio.CancelledError:
            ticket.stop(CANCELLED)
            await asyncio.wait({ticket.ended})
            raise

    async def warm(self, code: Code, variables: Mapping[str, str]) -> None:
        """Do nothing: pods are warm."""

    async def close(self) -> None:
        """Do nothing: the pods outlive this view of them."""
