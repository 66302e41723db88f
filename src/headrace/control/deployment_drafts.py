"""What callers give to create or change a deployment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from headrace.core.destinations import OutputDestination
from headrace.core.sources import InputSource

InputsMapping = Sequence[tuple[str, InputSource]]
OutputsMapping = Sequence[tuple[str, OutputDestination]]


@dataclass(frozen=True, slots=True)
class EndpointDraft:
    """What a caller gives to create an endpoint.

    Attributes:
        name: Name of the deployment.
        pipeline_name: The pipeline that it runs.
        description: Free text, or None.
        inputs_mapping: Sources, by input name; the others are sent under their own names.
        outputs_mapping: Destinations, by output name; the others are answered in the same way.
        url_path: Last segment of the URL; None for the deployment's name.
        token: The endpoint's token; None to have one made.
        timeout_s: Longest time of one execution, in seconds; None for the server's limit.
    """

    name: str
    pipeline_name: str
    description: str | None
    inputs_mapping: InputsMapping
    outputs_mapping: OutputsMapping
    url_path: str | None = None
    token: str | None = None
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class DeploymentChange:
    """What a caller changes of a deployment; None leaves a property as it is."""

    is_enabled: bool | None = None
    inputs_mapping: InputsMapping | None = None
    outputs_mapping: OutputsMapping | None = None
