"""What is known of the pods of one deployment: what is asked for, and who answers meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, replace

from headrace.core.attachments import Attachment
from headrace.core.claims import Imported
from headrace.core.compatibility import with_version
from headrace.core.deployments import Deployment
from headrace.core.outcomes import Failure
from headrace.core.pipelines import PipelineVersion
from headrace.core.pods import PodPlan, Rollout, RolloutStatus


@dataclass(frozen=True, slots=True)
class Crew:
    """The pods that take calls.

    Attributes:
        version: What they have imported.
        generation: The generation of their plan, by which the engine knows them.
        attachments: The files that were in the folder when they imported it.
    """

    version: PipelineVersion
    generation: str
    attachments: tuple[Attachment, ...] = ()


@dataclass(slots=True)
class Lane:
    """The pods of one deployment.

    Attributes:
        deployment: What is asked for.
        crew: The pods that take its calls now; None before there are any.
        failure: Why the engine could not be asked for what is asked for, or could not do it.
        task: The creation or the change that is under way, or was the last.
        plan: What the engine was last asked for.
        is_up: Whether the engine has answered a first time, and takes its calls.
    """

    deployment: Deployment
    crew: Crew | None = None
    failure: Failure | None = None
    task: asyncio.Task[None] | None = None
    plan: PodPlan | None = None
    is_up: bool = False

    @property
    def capacity(self) -> int:
        """How many executions its pods run at once."""
        low_latency = self.deployment.low_latency
        return low_latency.pods * (low_latency.max_parallel or 1) if low_latency else 0

    @property
    def is_changing(self) -> bool:
        """Whether a creation or a change is under way."""
        return self.task is not None and not self.task.done()

    @property
    def takes_executions(self) -> bool:
        """Whether recorded executions can be handed over, be it to end for lack of pods."""
        return self.is_up or self.failure is not None

    @property
    def version(self) -> PipelineVersion:
        """The version that answers calls now, or will be the first to."""
        return self.deployment.pipeline.version if self.crew is None else self.crew.version

    @property
    def imported(self) -> Imported:
        """What the pods have imported that answer calls now, or will be the first to."""
        deployment = self.deployment
        attachments = deployment.attachments if self.crew is None else self.crew.attachments
        return Imported(deployment.id, self.version.number, attachments)

    @property
    def rollout(self) -> Rollout | None:
        """The change to other pods that is under way or has failed; None if there is none."""
        number = self.deployment.pipeline.version.number
        if self.crew is None or self.crew.generation == generation_of(self.deployment):
            return None
        if self.failure is None or self.is_changing:
            return Rollout(number, RolloutStatus.STARTING)
        return Rollout(number, RolloutStatus.FAILED, self.failure.message)

    def served(self, deployment: Deployment) -> Deployment:
        """Return a state of the deployment with the version that answers its calls now."""
        crew = self.crew
        if crew is None:
            return deployment
        if crew.attachments != deployment.attachments:
            deployment = replace(deployment, attachments=crew.attachments)
        if crew.version.id == deployment.pipeline.version.id:
            return deployment
        return with_version(deployment, crew.version)


def asks_for_another(before: Deployment, after: Deployment) -> bool:
    """Check whether a later state of a deployment needs the engine to do something."""
    return (
        generation_of(before) != generation_of(after)
        or before.low_latency != after.low_latency
        or before.timeout_s != after.timeout_s
        or before.probe != after.probe
    )


def generation_of(deployment: Deployment) -> str:
    """Return the generation of the pods that a deployment asks for."""
    low_latency = deployment.low_latency
    if low_latency is None:
        raise LookupError(f"{deployment.name} is no low-latency deployment")
    generation = f"{deployment.pipeline.version.id}/{low_latency.generation}"
    if not deployment.attachments:
        return generation
    attached = repr([(one.path, one.digest) for one in deployment.attachments])
    return f"{generation}/{hashlib.sha256(attached.encode()).hexdigest()}"


def topic_of(deployment_id: str) -> str:
    """Return the topic that tells of a change of a deployment's pods."""
    return f"pods:{deployment_id}"
