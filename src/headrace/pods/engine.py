"""A pod as an engine: one recorded execution is handed to it, and its outcome awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from headrace.core.calls import Call, Code
from headrace.core.outcomes import CANCELLED, Failure, FailureKind, Outcome
from headrace.core.pods import PodCall, QueueFull
from headrace.engines.port import NeverBegan, PodEngine, Say

GONE = Failure(
    FailureKind.WORKER_LOST, "The pods of this deployment were gone when the execution's turn came."
)


@dataclass(slots=True)
class PodLane:
    """The pods of one deployment (:class:`headrace.engines.port.Engine`).

    Attributes:
        pods: Who keeps them.
        deployment_id: Whose pods they are.
        generation: Generation of those that have the version of the executions; None if there are
            no pods, and executions end for that reason.
    """

    pods: PodEngine
    deployment_id: str
    generation: str | None

    async def run(self, call: Call) -> Outcome:
        """Have a pod make one call; see the port."""
        made = PodCall(
            execution_id=call.execution_id,
            values=call.values,
            files=call.files,
            absent=call.absent,
            variables=call.variables,
            log=str(call.log),
            workspace=str(call.workspace),
            is_on_record=True,
            generation=self.generation,
        )
        call.log.parent.mkdir(parents=True, exist_ok=True)
        try:
            ticket = self.pods.submit(self.deployment_id, made)
        except KeyError:
            if self.generation is None:
                return GONE
            # Others have taken over; it is made by whoever has its version when its turn comes.
            raise NeverBegan from None
        if isinstance(ticket, QueueFull):
            return Failure(
                FailureKind.WORKER_LOST,
                f"{ticket.waiting} calls of this deployment were waiting already.",
            )
        try:
            outcome = await asyncio.shield(ticket.ended)
        except asyncio.CancelledError:
            has_waited = not ticket.may_have_begun
            ticket.stop(CANCELLED)
            await asyncio.wait({ticket.ended})
            if has_waited:
                raise NeverBegan from None
            raise
        if (
            isinstance(outcome, Failure)
            and outcome.kind is FailureKind.CANCELLED
            and not ticket.may_have_begun
        ):
            # The pods were retired, and may be there again when its turn comes.
            raise NeverBegan
        return outcome

    def is_warm(self, code: Code, variables: Mapping[str, str]) -> bool:  # noqa: ARG002 - of all
        """Pods have imported what they call."""
        return True

    async def warm(
        self, code: Code, variables: Mapping[str, str], say: Say | None = None
    ) -> Failure | None:
        """Do nothing: pods are warm."""

    async def close(self) -> None:
        """Do nothing: the pods outlive this view of them."""
