"""What callers give to create or change a deployment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from headrace.core.destinations import OutputDestination
from headrace.core.retries import Retries
from headrace.core.schedules import ScheduleRequest
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


@dataclass(frozen=True, slots=True)
class DeploymentChange:
    """What a caller changes of a deployment; None leaves a property as it is."""

    is_enabled: bool | None = None
    inputs_mapping: InputsMapping | None = None
    outputs_mapping: OutputsMapping | None = None
    schedule: ScheduleRequest = field(default_factory=ScheduleRequest)
    timeout_s: float | None = None
    retries: Retries | None = None
