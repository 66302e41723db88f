"""The plan of a deployment's pods: its code on this machine, its limits, its probe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from headrace.control.variables import Variables
from headrace.core.calls import Limits
from headrace.core.deployments import Deployment
from headrace.core.pods import PodPlan
from headrace.logs.files import LogFiles
from headrace.pods.lanes import generation_of
from headrace.pods.probes import probe_of
from headrace.running.code import CodeFinder


class MakesPlans(Protocol):
    """Makes the plans of pods."""

    async def of(self, deployment: Deployment) -> PodPlan:
        """Return the plan of a low-latency deployment's pods, their environment being ready.

        Raises:
            Unavailable: The folder of the code is gone from the data directory.
            HeadraceError: The environment cannot be had, or the probe does not fit.
        """
        ...


@dataclass(frozen=True, slots=True)
class Plans:
    """Makes the plans of pods.

    Attributes:
        limits: What any call may use.
    """

    codes: CodeFinder
    variables: Variables
    logs: LogFiles
    limits: Limits

    async def of(self, deployment: Deployment) -> PodPlan:
        """Return the plan of a low-latency deployment's pods, their environment being ready.

        Raises:
            Unavailable: The folder of the code is gone from the data directory.
            HeadraceError: The environment cannot be had, or the probe does not fit.
        """
        low_latency = deployment.low_latency
        if low_latency is None:
            raise LookupError(f"{deployment.name} is no low-latency deployment")
        variables = await self.variables.current()
        code = await self.codes.find(
            deployment.pipeline, variables, attachments=deployment.attachments, is_checked=True
        )
        log = self.logs.of_deployment(deployment.id)
        log.parent.mkdir(parents=True, exist_ok=True)
        return PodPlan(
            deployment_id=deployment.id,
            generation=generation_of(deployment),
            code=code,
            outputs={item.parameter.name: item.parameter.data_type for item in deployment.outputs},
            log=log,
            variables=variables,
            owner=deployment.created_by,
            count=low_latency.pods,
            max_parallel=low_latency.max_parallel,
            ram_bytes=low_latency.ram_bytes,
            timeout_s=self.limits.within(deployment.timeout_s).timeout_s,
            idle_timeout_s=low_latency.idle_timeout_s,
            max_queue=low_latency.max_queue,
            probe=probe_of(deployment, variables),
        )
