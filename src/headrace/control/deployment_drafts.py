"""What callers give to create or change a deployment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headrace.core.destinations import OutputDestination
from headrace.core.low_latency import LowLatency
from headrace.core.retries import Retries
from headrace.core.schedule_requests import ScheduleRequest
from headrace.core.sources import InputSource, Rule

InputsMapping = Sequence[tuple[str, InputSource]]
OutputsMapping = Sequence[tuple[str, OutputDestination]]


@dataclass(frozen=True, slots=True)
class DeploymentDraft:
    """What a caller gives to create a deployment.

    Attributes:
        name: Name of the deployment.
        pipeline_name: The pipeline that it runs.
        rule: Why its executions start: endpoint or periodic.
        description: Free text, or None.
        inputs_mapping: Sources, by input name; an endpoint's others are sent under their own
            names.
        outputs_mapping: Destinations, by output name; an endpoint's others are answered in the
            same way.
        url_path: Last segment of an endpoint's URL; None for the deployment's name.
        token: An endpoint's token; None to have one made.
        schedule: When a periodic deployment fires.
        timeout_s: Longest time of one execution, in seconds; None for the server's limit.
        retries: How often a failed execution is attempted again.
        is_enabled: Whether it takes executions from the start.
        low_latency: How its pods are kept; None for an elastic deployment.
    """

    name: str
    pipeline_name: str
    rule: Rule
    description: str | None
    inputs_mapping: InputsMapping
    outputs_mapping: OutputsMapping
    url_path: str | None = None
    token: str | None = None
    schedule: ScheduleRequest = field(default_factory=ScheduleRequest)
    timeout_s: float | None = None
    retries: Retries = Retries()
    is_enabled: bool = True
    low_latency: LowLatency | None = None


@dataclass(frozen=True, slots=True)
class DeploymentChange:
    """What a caller changes of a deployment; None leaves a property as it is.

    ``low_latency`` holds options by name (:mod:`headrace.core.low_latency`), and ``replaces_pods``
    has new pods take the place of those there are.
    """

    is_enabled: bool | None = None
    inputs_mapping: InputsMapping | None = None
    outputs_mapping: OutputsMapping | None = None
    schedule: ScheduleRequest = field(default_factory=ScheduleRequest)
    timeout_s: float | None = None
    retries: int | None = None
    retry_backoff_s: float | None = None
    low_latency: Mapping[str, Any] = field(default_factory=dict)
    replaces_pods: bool = False
