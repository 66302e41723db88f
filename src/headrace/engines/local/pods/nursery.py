"""Where pods are started, and remembered until nothing is left of them."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass, field
from pathlib import Path

from headrace.core.credentials import Issue, no_credential
from headrace.core.errors import HeadraceError
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.pods import PodPlan
from headrace.core.usage import Consumer
from headrace.engines.local.metering import Meter
from headrace.engines.local.pods.journal import Journal
from headrace.engines.local.pods.pod import Pod, PodOwner, mebibytes
from headrace.engines.local.pods.settings import PodSettings
from headrace.engines.port import Materials


@dataclass(frozen=True, slots=True)
class Ground:
    """What all pods of an engine share.

    Attributes:
        folder: Folder for the pods' own folders.
        settings: The operator's.
        journal: For what the engine has to say.
        materials: What code stands for on this machine.
        issue: Gives each pod its credential.
        meter: Measures the pods.
        numbers: Numbers for folders.
    """

    folder: Path
    settings: PodSettings
    journal: Journal
    materials: Materials
    issue: Issue = no_credential
    meter: Meter = field(default_factory=Meter)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))


class Nursery:
    """Starts pods for one owner.

    Attributes:
        starting: Pods that do not take calls yet.
    """

    def __init__(self, ground: Ground, owner: PodOwner) -> None:
        self.starting: set[Pod] = set()
        self._ground = ground
        self._owner = owner
        self._living: dict[Pod, asyncio.Task[bool]] = {}

    async def start(self, plan: PodPlan) -> Pod | Failure:
        """Start a pod; return it when it takes calls, or why it never will, it being gone."""
        ground = self._ground
        try:
            material = await ground.materials.resolve(plan.code)
        except HeadraceError as error:
            return Failure(FailureKind.ENVIRONMENT, error.message)
        folder = ground.folder / str(next(ground.numbers))
        pod = Pod(plan, material, folder, ground.settings, self._owner, ground.issue)
        watch = asyncio.get_running_loop().create_task(pod.ended.wait())
        self._living[pod] = watch
        watch.add_done_callback(lambda _: self._living.pop(pod))
        metered = ground.meter.begin(Consumer(pod.id, plan.deployment_id))
        watch.add_done_callback(lambda _: ground.meter.end(metered))
        self.starting.add(pod)
        try:
            failure = await pod.start()
            metered.pid = pod.pid
        finally:
            self.starting.discard(pod)
        if failure is not None:
            await pod.ended.wait()
            for line in pod.probe_said:
                self._ground.journal.say(pod.plan, pod.id, line)
            self.say(pod, f"could not be started: {failure.message}")
            return failure
        self.say(pod, f"is up, and uses {mebibytes(pod.health.memory_bytes)} of memory")
        return pod

    async def start_all(self, plan: PodPlan) -> list[Pod] | Failure:
        """Start as many pods as a plan says; return those that take calls, or why there are none.

        If this is cancelled, those that have come up end.
        """
        # One first: what fails for one fails for all, and may take long to do so.
        first = await self.start(plan)
        if isinstance(first, Failure):
            return first
        up = [first]

        async def start_another() -> None:
            found = await self.start(plan)
            if isinstance(found, Pod):
                up.append(found)

        try:
            await asyncio.gather(*(start_another() for _ in range(plan.count - 1)))
        except BaseException:
            for pod in up:
                pod.end_now()
            raise
        return up

    @property
    def living(self) -> set[Pod]:
        """The pods of which something is left."""
        return set(self._living)

    def say(self, pod: Pod, text: str) -> None:
        """Append a line about a pod to the log of its deployment."""
        self._ground.journal.say(pod.plan, pod.id, f"the pod {text}")

    async def wait_until_empty(self) -> None:
        """Return when nothing is left of any pod."""
        while self._living:
            await asyncio.wait(set(self._living.values()))
