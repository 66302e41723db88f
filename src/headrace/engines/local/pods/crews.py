"""The crews of one deployment: the pods that take its calls, and those that finish what they have.

A crew is all pods of one plan, with a queue of its own. A call is answered by the crew that it was
submitted to, also if another crew takes over while it waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from headrace.core.outcomes import Failure
from headrace.core.pods import PodPlan, PodSetState
from headrace.engines.local.pods.keeper import RETIRED, Keeper
from headrace.engines.local.pods.nursery import Ground


class Crews:
    """Has one crew of pods take over from another.

    Attributes:
        current: The crew that takes calls.
    """

    def __init__(self, plan: PodPlan, ground: Ground) -> None:
        self.current = Keeper(plan, ground)
        self._ground = ground
        self._coming: Keeper | None = None
        self._draining: dict[Keeper, asyncio.Task[None]] = {}
        self._change = asyncio.Lock()
        self._failure: Failure | None = None
        self._is_retired = False

    def of(self, generation: str) -> Keeper:
        """Return the crew of a generation: the current one, or one that finishes its calls.

        Raises:
            KeyError: It is gone.
        """
        for crew in (self.current, *self._draining):
            if crew.plan.generation == generation and not crew.is_retired:
                return crew
        raise KeyError(generation)

    def state(self) -> PodSetState:
        """Return the visible state of all crews together."""
        state = self.current.state()
        others = [crew.state() for crew in self._draining]
        coming = () if self._coming is None else self._coming.state().pods
        return replace(
            state,
            pods=(*state.pods, *coming),
            running=state.running + sum(other.running for other in others),
            waiting=state.waiting + sum(other.waiting for other in others),
            failure=state.failure or self._failure,
        )

    async def deploy(self, plan: PodPlan, on_switch: Callable[[], None]) -> Failure | None:
        """Do what :meth:`headrace.engines.port.PodEngine.deploy` says."""
        async with self._change:
            if self._is_retired:
                return RETIRED
            self._failure = None
            if self.current.plan.fits(plan):
                on_switch()
                return await self.current.deploy(plan)
            new = Keeper(plan, self._ground)
            if not self.current.is_serving:
                self._switch(new, on_switch)
                return await new.deploy(plan)
            self._failure = await self._relieve(new, plan, on_switch)
            return self._failure

    async def retire(self, grace_s: float, failure: Failure = RETIRED) -> None:
        """End all pods as :meth:`Keeper.retire` does; return when nothing of them is left."""
        self._is_retired = True
        coming = [] if self._coming is None else [self._coming]
        crews = [self.current, *coming, *self._draining]
        await asyncio.gather(*(crew.retire(grace_s, failure) for crew in crews))
        await asyncio.gather(*self._draining.values())

    def look(self, now: float) -> None:
        """Look at the pods of all crews as :meth:`Keeper.look` does."""
        for crew in (self.current, *self._draining):
            crew.look(now)

    async def _relieve(
        self, new: Keeper, plan: PodPlan, on_switch: Callable[[], None]
    ) -> Failure | None:
        """Start a crew and have it take over; if it does not come up, the present one goes on."""
        self._coming = new
        failure: Failure | None = RETIRED
        try:
            failure = await new.deploy(plan)
            if self._is_retired:
                failure = RETIRED
        finally:
            self._coming = None
            if failure is None:
                self._switch(new, on_switch)
            elif not self._is_retired:
                self._drain(new)
                self.current.adopt(self.current.plan.within(plan))
        return failure

    def _switch(self, new: Keeper, on_switch: Callable[[], None]) -> None:
        """Have a crew take all calls from now on, in one step of the event loop."""
        old, self.current = self.current, new
        on_switch()
        self._drain(old)

    def _drain(self, crew: Keeper) -> None:
        task = asyncio.get_running_loop().create_task(crew.drain(), name="pods drain")
        self._draining[crew] = task
        task.add_done_callback(lambda _: self._draining.pop(crew))
