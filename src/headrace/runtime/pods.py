"""Keeps pods as the database says: of each low-latency deployment that takes executions."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass

from headrace.core.deployments import Deployment
from headrace.core.errors import HeadraceError, Unavailable
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.pods import PodPlan, PodSetState, PodStatus
from headrace.engines.port import PodEngine
from headrace.runtime.runner import Runner
from headrace.signals.port import DEPLOYMENTS, PENDING, Signals
from headrace.store import deployments as rows
from headrace.store.database import Database

logger = logging.getLogger(__name__)

LOOK_AGAIN_S = 5.0
"""A signal may be lost, and another server may change a deployment."""

TRY_AGAIN_S = 10.0
"""How long to wait before a creation that failed for the server's reasons is tried again."""

UNKNOWN = PodSetState(PodStatus.CREATION_PENDING)


@dataclass(slots=True)
class Lane:
    """The pods of one deployment, as they were last asked for.

    Attributes:
        deployment: What was asked for.
        failure: Why there is no pod, before the engine was asked.
        task: The creation or the change that is under way.
        is_up: Whether the engine knows the deployment, and takes its calls.
    """

    deployment: Deployment
    failure: Failure | None = None
    task: asyncio.Task[None] | None = None
    is_up: bool = False

    @property
    def capacity(self) -> int:
        """How many executions its pods run at once."""
        low_latency = self.deployment.low_latency
        return low_latency.pods * (low_latency.max_parallel or 1) if low_latency else 0


class PodSets:
    """Has the engine keep the pods that there should be (:class:`headrace.control.warm.Pods`)."""

    def __init__(
        self,
        database: Database,
        signals: Signals,
        engine: PodEngine,
        runner: Runner,
        grace_s: float,
    ) -> None:
        self._database = database
        self._signals = signals
        self._engine = engine
        self._runner = runner
        self._grace_s = grace_s
        self._lanes: dict[str, Lane] = {}
        self._loop: asyncio.Task[None] | None = None

    @property
    def lanes(self) -> dict[str, Lane]:
        """The deployments whose pods are kept, by id."""
        return self._lanes

    async def begin(self) -> None:
        """Start the pods that there should be, and follow changes from now on."""
        self._loop = asyncio.create_task(self._follow(), name="pods")

    async def close(self) -> None:
        """Follow no more changes; the engine's own end ends the pods."""
        tasks = [lane.task for lane in self._lanes.values() if lane.task is not None]
        for task in [self._loop, *tasks]:
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    def state(self, deployment_id: str) -> PodSetState:
        """Return what is to be seen of a deployment's pods now."""
        lane = self._lanes.get(deployment_id)
        if lane is None:
            return UNKNOWN
        if lane.failure is not None:
            return PodSetState(PodStatus.CREATION_FAILED, failure=lane.failure)
        if not lane.is_up:
            return UNKNOWN
        try:
            return self._engine.state(deployment_id)
        except KeyError:
            return UNKNOWN

    def changed(self) -> None:
        """Have the pods follow what the database says of deployments."""
        self._signals.notify(DEPLOYMENTS)

    async def settled(self, deployment_id: str, timeout_s: float) -> PodSetState:
        """Return the state once the creation has ended, or as it is after ``timeout_s``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                with self._signals.listen(_topic(deployment_id)) as signal:
                    while self.state(deployment_id).status is PodStatus.CREATION_PENDING:
                        await signal.wait(1.0)
        return self.state(deployment_id)

    async def retire(self, deployment_id: str) -> None:
        """End the pods of a deployment; return when nothing of them is left."""
        lane = self._lanes.pop(deployment_id, None)
        if lane is None:
            return
        if lane.task is not None:
            lane.task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await lane.task
        with contextlib.suppress(KeyError):
            await self._engine.retire(deployment_id, self._grace_s)

    async def _follow(self) -> None:
        with self._signals.listen(DEPLOYMENTS) as signal:
            while True:
                try:
                    await self._reconcile()
                except Unavailable as error:
                    logger.error("pods cannot follow deployments: %s", error.message)  # noqa: TRY400
                except Exception:
                    # Whatever it was, pods must not be left alone for ever because of it.
                    logger.exception("pods cannot follow deployments")
                await signal.wait(LOOK_AGAIN_S)

    async def _reconcile(self) -> None:
        wanted = {
            deployment.id: deployment
            for deployment in await self._database.read(rows.low_latency_deployments)
        }
        for deployment_id in self._lanes.keys() - wanted.keys():
            await self.retire(deployment_id)
        for deployment in wanted.values():
            lane = self._lanes.get(deployment.id)
            if lane is None:
                lane = self._lanes[deployment.id] = Lane(deployment)
            elif lane.deployment.low_latency == deployment.low_latency:
                if lane.deployment.timeout_s == deployment.timeout_s:
                    continue
            elif lane.task is not None and not lane.task.done():
                # One change after the other: this one is taken up when that one has ended.
                continue
            lane.deployment = deployment
            lane.task = asyncio.create_task(self._deploy(lane), name=f"pods {deployment.name}")

    async def _deploy(self, lane: Lane) -> None:
        """Have the engine do what a deployment asks for, until it has answered."""
        deployment = lane.deployment
        while True:
            try:
                plan = await self._plan(deployment)
            except Unavailable as error:
                logger.error("pods of %s: %s", deployment.name, error.message)  # noqa: TRY400
                await asyncio.sleep(TRY_AGAIN_S)
                continue
            except HeadraceError as error:
                lane.failure = Failure(FailureKind.ENVIRONMENT, error.message)
                break
            lane.failure = None
            failure = await self._engine.deploy(plan)
            lane.is_up = True
            if failure is not None:
                logger.warning("pods of %s: %s", deployment.name, failure.message)
            break
        self._signals.notify(_topic(deployment.id))
        self._signals.notify(PENDING)
        # Another change may have come meanwhile.
        self._signals.notify(DEPLOYMENTS)

    async def _plan(self, deployment: Deployment) -> PodPlan:
        low_latency = deployment.low_latency
        if low_latency is None:
            raise LookupError(f"{deployment.name} is no low-latency deployment")
        variables = await self._runner.variables.current()
        code = await self._runner.code_of(deployment.pipeline, variables)
        log = self._runner.logs.of_deployment(deployment.id)
        log.parent.mkdir(parents=True, exist_ok=True)
        return PodPlan(
            deployment_id=deployment.id,
            generation=f"{deployment.pipeline.id}/{low_latency.generation}",
            code=code,
            outputs={item.parameter.name: item.parameter.data_type for item in deployment.outputs},
            log=log,
            variables=variables,
            identity=self._runner.identity_of_deployment(deployment.id),
            count=low_latency.pods,
            max_parallel=low_latency.max_parallel,
            ram_bytes=low_latency.ram_bytes,
            timeout_s=self._runner.timeout_of(deployment.timeout_s),
            idle_timeout_s=low_latency.idle_timeout_s,
            max_queue=low_latency.max_queue,
        )


def _topic(deployment_id: str) -> str:
    return f"pods:{deployment_id}"
