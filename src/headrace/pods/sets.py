"""Keeps pods as the database says: of each low-latency deployment that takes executions."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import replace
from functools import partial

from headrace.control.intake import Intake
from headrace.control.variables import Variables
from headrace.core.compatibility import with_version
from headrace.core.deployments import Deployment
from headrace.core.errors import HeadraceError, Unavailable
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.pods import PodPlan, PodSetState, PodStatus
from headrace.engines.port import PodEngine
from headrace.pods.elsewhere import Elsewhere, Nowhere, Share, whole, with_others
from headrace.pods.lanes import Crew, Lane, asks_for_another, generation_of, topic_of
from headrace.pods.plans import MakesPlans
from headrace.signals.loop import Loop
from headrace.signals.port import DEPLOYMENTS, PENDING, Signals
from headrace.store import deployments as rows
from headrace.store.database import Database
from headrace.store.pods import answered_last

logger = logging.getLogger(__name__)

LOOK_AGAIN_S = 5.0
"""A signal may be lost, and another server may change a deployment."""

TRY_AGAIN_S = 10.0
"""How long to wait before a creation that failed for the server's reasons is tried again."""

UNKNOWN = PodSetState(PodStatus.CREATION_PENDING)
RELEASED = PodSetState(PodStatus.STANDBY)

_UNSETTLED = {PodStatus.CREATION_PENDING, PodStatus.DOWN_RETRYING}


class PodSets:
    """Has the engine keep the pods that there should be (:class:`headrace.control.warm.Pods`)."""

    def __init__(
        self,
        database: Database,
        signals: Signals,
        engine: PodEngine,
        plans: MakesPlans,
        variables: Variables,
        grace_s: float,
        intake: Intake,
        *,
        share: Share = whole,
        elsewhere: Elsewhere | None = None,
    ) -> None:
        self._database = database
        self._signals = signals
        self._engine = engine
        self._plans = plans
        self._share = share
        self._elsewhere = elsewhere or Nowhere()
        self._variables = variables
        self._grace_s = grace_s
        self._intake = intake
        self._has_looked = False
        self._lanes: dict[str, Lane] = {}
        self._retiring: dict[str, asyncio.Task[None]] = {}
        self._listening = contextlib.ExitStack()
        self.loop = Loop(
            "pods",
            self._reconcile,
            complaint="pods cannot follow deployments",
            wait=self._listening.enter_context(signals.listen(DEPLOYMENTS)).wait,
        )

    @property
    def lanes(self) -> dict[str, Lane]:
        """The deployments whose pods are kept, by id."""
        return self._lanes

    async def begin(self) -> None:
        """Start the pods that there should be, and follow changes from now on."""
        await self.loop.begin()

    async def close(self) -> None:
        """Follow no more changes; the engine's own end ends the pods."""
        await self.loop.close()
        self._listening.close()
        tasks = [lane.task for lane in self._lanes.values() if lane.task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._retiring:
            await asyncio.wait(set(self._retiring.values()))

    def state(self, deployment_id: str) -> PodSetState:
        """Return what is to be seen of a deployment's pods now."""
        lane = self._lanes.get(deployment_id)
        if not self._intake.is_open:
            is_up = lane is not None and lane.is_up
            return replace(RELEASED, pods=self._engine.state(deployment_id).pods if is_up else ())
        if lane is None:
            return UNKNOWN
        if lane.is_up:
            state = with_others(
                self._engine.state(deployment_id), self._elsewhere.states(deployment_id)
            )
            return replace(
                state,
                failure=lane.failure or state.failure,
                is_changing=lane.is_changing,
                rollout=lane.rollout,
            )
        if lane.failure is not None:
            return PodSetState(PodStatus.CREATION_FAILED, failure=lane.failure)
        return UNKNOWN

    def served(self, deployment: Deployment) -> Deployment:
        """Return a deployment with the version that its pods have which take calls now."""
        lane = self._lanes.get(deployment.id)
        return deployment if lane is None else lane.served(deployment)

    def versions(self) -> set[str]:
        """Return the ids of the versions that pods have or are to get."""
        return {
            version.id
            for lane in self._lanes.values()
            for version in (lane.version, lane.deployment.pipeline.version)
        }

    def changed(self) -> None:
        """Have the pods follow what the database says of deployments."""
        self._signals.notify(DEPLOYMENTS)

    async def settled(self, deployment: Deployment, timeout_s: float) -> PodSetState:
        """Return the state once the pods are as a deployment says; see the protocol."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                with self._signals.listen(topic_of(deployment.id)) as signal:
                    while not self._is_settled(deployment):
                        await signal.wait(1.0)
        return self.state(deployment.id)

    def are_released(self) -> bool:
        """Check whether there are no pods, and none to come."""
        is_left = self._intake.keeps_pods or self._lanes or self._retiring
        return not is_left and self._elsewhere.are_released()

    def are_settled(self) -> bool:
        """Check whether all pods have come up or have failed to."""
        return self._has_looked and all(
            not lane.is_changing and self.state(deployment_id).status not in _UNSETTLED
            for deployment_id, lane in self._lanes.items()
        )

    def _is_settled(self, deployment: Deployment) -> bool:
        if not self._intake.is_open:
            return True
        lane = self._lanes.get(deployment.id)
        return (
            lane is not None
            and lane.deployment.updated_at >= deployment.updated_at
            and lane.deployment.pipeline.version.id == deployment.pipeline.version.id
            and not lane.is_changing
            and self.state(deployment.id).status not in _UNSETTLED
        )

    async def retire(self, deployment_id: str) -> None:
        """End the pods of a deployment; return when nothing of them is left."""
        self.begin_to_retire(deployment_id)
        task = self._retiring.get(deployment_id)
        if task is not None:
            await asyncio.wait({task})

    def begin_to_retire(self, deployment_id: str) -> None:
        """End the pods of a deployment; returns at once, and they are seen no more."""
        lane = self._lanes.pop(deployment_id, None)
        if lane is not None:
            task = asyncio.create_task(self._retire(deployment_id, lane), name="pods retire")
            self._retiring[deployment_id] = task

    async def _retire(self, deployment_id: str, lane: Lane) -> None:
        try:
            if lane.task is not None:
                lane.task.cancel()
                await asyncio.wait({lane.task})
            await self._engine.retire(deployment_id, self._grace_s)
        except Exception:
            logger.exception("pods of %s could not be ended", lane.deployment.name)
        finally:
            del self._retiring[deployment_id]
            # It may have been enabled again meanwhile.
            self._signals.notify(DEPLOYMENTS)

    async def _reconcile(self) -> float:
        found = await self._database.read(rows.low_latency_deployments)
        # Looked at after the read, while which the server may have been paused.
        keeps_pods = self._intake.keeps_pods
        wanted = {one.id: one for one in map(self._share, found) if one and keeps_pods}
        for deployment_id in self._lanes.keys() - wanted.keys():
            self.begin_to_retire(deployment_id)
        for deployment in wanted.values():
            if deployment.id in self._retiring:
                continue
            lane = self._lanes.get(deployment.id)
            if lane is None:
                lane = self._lanes[deployment.id] = Lane(deployment)
                self._begin_to_deploy(lane)
            else:
                self._follow(lane, deployment)
        self._has_looked = keeps_pods
        await self._tell_variables()
        return LOOK_AGAIN_S

    def _follow(self, lane: Lane, deployment: Deployment) -> None:
        """Have pods do what a later state of their deployment asks for."""
        before, lane.deployment = lane.deployment, deployment
        if generation_of(before) != generation_of(deployment) and lane.task is not None:
            # Pods that nobody asks for any more need not come up first, which may take long.
            lane.task.cancel()
        elif lane.is_changing or not asks_for_another(before, deployment):
            return
        self._begin_to_deploy(lane)

    async def _tell_variables(self) -> None:
        """Have pods that are started from now on import their code with the variables of now."""
        variables = await self._variables.current()
        for lane in self._lanes.values():
            is_behind = lane.plan is not None and lane.plan.variables is not variables
            if is_behind and not lane.is_changing:
                self._begin_to_deploy(lane)

    def _begin_to_deploy(self, lane: Lane) -> None:
        work = self._deploy(lane)
        lane.task = asyncio.create_task(work, name=f"pods {lane.deployment.name}")

    async def _deploy(self, lane: Lane) -> None:
        """Have the engine do what a deployment asks for, until that has been answered."""
        while True:
            deployment = lane.deployment
            try:
                await self._ask(lane, deployment)
            except Unavailable as error:
                logger.error("pods of %s: %s", deployment.name, error.message)
                await asyncio.sleep(TRY_AGAIN_S)
            except Exception:
                # Whatever it was, the deployment must not be left without pods because of it.
                logger.exception("pods of %s", deployment.name)
                await asyncio.sleep(TRY_AGAIN_S)
            else:
                if not asks_for_another(deployment, lane.deployment):
                    break
        self._signals.notify(PENDING)
        # The variables may have changed meanwhile.
        self._signals.notify(DEPLOYMENTS)
        self._signals.notify(topic_of(deployment.id))

    async def _ask(self, lane: Lane, deployment: Deployment) -> None:
        """Have the engine do what a deployment asks for, or say in its lane why that cannot be."""
        plan: PodPlan | None = None
        failure: Failure | None
        try:
            plan = await self._plans.of(deployment)
        except Unavailable:
            raise
        except HeadraceError as error:
            failure = Failure(FailureKind.ENVIRONMENT, error.message)
        else:
            lane.failure, lane.plan = None, plan
            failure = await self._have_kept(lane, deployment, plan)
        if failure is not None:
            logger.warning("pods of %s: %s", deployment.name, failure.message)
            if not lane.is_up:
                await self._fall_back(lane, deployment)
            is_engines = plan and lane.crew and lane.crew.generation == plan.generation
            # What has failed in the engine is in its own state.
            lane.failure = None if is_engines else failure
        lane.is_up = lane.crew is not None

    async def _have_kept(self, lane: Lane, deployment: Deployment, plan: PodPlan) -> Failure | None:
        """Have the engine keep pods of a plan; those that take calls are always in the lane."""
        crew = Crew(deployment.pipeline.version, plan.generation, deployment.attachments)
        return await self._engine.deploy(plan, partial(setattr, lane, "crew", crew))

    async def _fall_back(self, lane: Lane, deployment: Deployment) -> None:
        """Have pods of the version answer that did so last, since those of the current one do not.

        So they did before the server ended, or the deployment was disabled.
        """
        found = await self._database.read(answered_last, deployment)
        if found is None or found.version.id == deployment.pipeline.version.id:
            return
        before = with_version(deployment, found.version)
        with contextlib.suppress(HeadraceError):
            failure = await self._have_kept(lane, before, await self._plans.of(before))
            if failure is not None:
                logger.warning("pods of %s: %s", deployment.name, failure.message)
