"""The loop that hands recorded executions of low-latency deployments to their pods, in order."""

from __future__ import annotations

import contextlib
from functools import partial

from headrace.core.clock import now
from headrace.engines.port import PodEngine
from headrace.pods.engine import PodLane
from headrace.pods.lanes import Lane
from headrace.pods.sets import PodSets
from headrace.running.worker import LOOK_AGAIN_S, Worker
from headrace.signals.loop import Loop
from headrace.signals.port import PENDING, Signals
from headrace.store import claims
from headrace.store.database import Database


class Dispatcher:
    """Claims as many executions of each deployment as its pods can run, the oldest first.

    Those that have another version than the pods are left to the slots, where each is made with
    its own.
    """

    def __init__(
        self,
        database: Database,
        signals: Signals,
        worker: Worker,
        sets: PodSets,
        engine: PodEngine,
    ) -> None:
        self._database = database
        self._signals = signals
        self._worker = worker
        self._sets = sets
        self._engine = engine
        self._busy: dict[str, int] = {}
        self._is_closed = False
        self._listening = contextlib.ExitStack()
        self.loop = Loop(
            "dispatcher",
            self._look,
            complaint="executions cannot be handed to pods",
            wait=self._listening.enter_context(signals.listen(PENDING)).wait,
        )

    async def begin(self) -> None:
        """Hand executions to pods from now on."""
        await self.loop.begin()

    async def close(self) -> None:
        """Hand over no more; what pods have is the worker's to end."""
        self._is_closed = True
        # Not cancelled: what it has claimed must have a task that ends it.
        await self.loop.finish()
        self._listening.close()

    async def _look(self) -> float:
        if not self._sets.lanes:
            return LOOK_AGAIN_S
        at = now()
        waiting = await self._database.read(claims.pod_backlog, at)
        for wanted, count in waiting.items():
            deployment_id = wanted.deployment_id
            lane = self._sets.lanes.get(deployment_id)
            # Without an environment there are no pods: then the executions end with the reason.
            if lane is None or not lane.takes_executions or self._is_closed:
                continue
            if wanted != lane.imported:
                await self._database.write(claims.give_to_slots, lane.imported, at)
                self._signals.notify(PENDING)
                continue
            free = lane.capacity - self._busy.get(deployment_id, 0)
            if free > 0:
                await self._start(deployment_id, lane, min(free, count))
        next_at = await self._database.read(claims.next_pending_at, at)
        if next_at is None:
            return LOOK_AGAIN_S
        return min(max((next_at - at).total_seconds(), 0.001), LOOK_AGAIN_S)

    async def _start(self, deployment_id: str, lane: Lane, count: int) -> None:
        generation = None if lane.crew is None else lane.crew.generation
        self._busy[deployment_id] = self._busy.get(deployment_id, 0) + count
        started = 0
        try:
            started = await self._worker.take_for_pods(
                lane.imported,
                count,
                PodLane(self._engine, deployment_id, generation),
                partial(self._free, deployment_id, 1),
            )
        finally:
            self._free(deployment_id, count - started)

    def _free(self, deployment_id: str, count: int) -> None:
        left = self._busy.get(deployment_id, 0) - count
        if left > 0:
            self._busy[deployment_id] = left
        else:
            self._busy.pop(deployment_id, None)
        if count:
            self._signals.notify(PENDING)
