"""The low-latency engine on this machine: pods by deployment, and a look at them now and then."""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable

from headrace.core.credentials import Issue, no_credential
from headrace.core.outcomes import Failure, FailureKind, Outcome
from headrace.core.pods import PodCall, PodPlan, PodSetState, PodStatus, QueueFull
from headrace.engines.local.metering import Meter
from headrace.engines.local.pods.crews import Crews
from headrace.engines.local.pods.journal import Journal
from headrace.engines.local.pods.nursery import Ground
from headrace.engines.local.pods.settings import PodSettings
from headrace.engines.local.pods.ticket import Ticket
from headrace.engines.port import Materials
from headrace.signals.loop import Loop

logger = logging.getLogger(__name__)

_CLOSED = Failure(FailureKind.WORKER_LOST, "The engine was closed before the call had ended.")


class LocalPodEngine:
    """Keeps pods on this machine (:class:`headrace.engines.port.PodEngine`).

    Args:
        settings: The operator's.
        materials: What code stands for on this machine.
        issue: Gives each pod its credential.
        meter: Measures the pods.
    """

    def __init__(
        self,
        settings: PodSettings,
        materials: Materials,
        issue: Issue = no_credential,
        meter: Meter | None = None,
    ) -> None:
        folder = settings.runtime_dir.absolute() / "pods"
        shutil.rmtree(folder, ignore_errors=True)
        settings.bounds.make()
        self._ground = Ground(folder, settings, Journal(), materials, issue, meter or Meter())
        self._crews: dict[str, Crews] = {}
        look_s = settings.patience.look_s
        self._looking = Loop(
            "look at pods", self._look, complaint="pods are not looked at", first_after_s=look_s
        )
        self._is_closed = self._is_looking = False

    async def deploy(
        self, plan: PodPlan, on_switch: Callable[[], None] = lambda: None
    ) -> Failure | None:
        """Have pods that do what a plan says; see the port."""
        if self._is_closed:
            return _CLOSED
        if not self._is_looking:
            self._is_looking = True
            await self._looking.begin()
        crews = self._crews.get(plan.deployment_id)
        if crews is None:
            crews = self._crews[plan.deployment_id] = Crews(plan, self._ground)
        return await crews.deploy(plan, on_switch)

    async def retire(self, deployment_id: str, grace_s: float) -> None:
        """End the pods of a deployment; see the port."""
        crews = self._crews.pop(deployment_id, None)
        if crews is not None:
            await crews.retire(grace_s)

    def submit(
        self,
        deployment_id: str,
        call: PodCall,
        on_end: Callable[[Outcome], None] | None = None,
    ) -> Ticket | QueueFull:
        """Have a call made by the next pod that is free; see the port."""
        crews = self._crews[deployment_id]
        crew, generation = crews.current, call.generation
        if generation is not None and generation != crew.plan.generation:
            crew = crews.of(generation)
        return crew.queue.submit(call, on_end)

    def state(self, deployment_id: str) -> PodSetState:
        """Return what is to be seen of the pods of a deployment; see the port."""
        crews = self._crews.get(deployment_id)
        return PodSetState(PodStatus.STANDBY) if crews is None else crews.state()

    async def close(self) -> None:
        """End everything; calls that run or wait are lost."""
        self._is_closed = True
        all_crews, self._crews = list(self._crews.values()), {}
        await asyncio.gather(*(crews.retire(0, _CLOSED) for crews in all_crews))
        await self._looking.close()
        await asyncio.to_thread(self._ground.journal.close)

    async def _look(self) -> float:
        for deployment_id, crews in list(self._crews.items()):
            try:
                crews.look(asyncio.get_running_loop().time())
            except Exception:
                # Whatever it was, the others must be looked at, and this one again.
                logger.exception("the pods of %s could not be looked at", deployment_id)
        return self._ground.settings.patience.look_s
