"""Templates of pipelines: code that ships with the server, of which pipelines are made by name."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from headrace.core.destinations import OutputDestination
from headrace.core.parameters import Input, Output
from headrace.core.sources import InputSource


class HostingType(StrEnum):
    """Where the model of a pipeline template computes, spelled as on the wire."""

    SELF_HOSTED = "self-hosted"
    """In the executions of the pipeline."""
    PRIVATE_API = "private-api"
    """At an API that the executions ask."""


@dataclass(frozen=True, slots=True)
class TemplateReference:
    """The public facts about a pipeline template; a version keeps those of the one it was made of.

    Attributes:
        name: By which pipelines are made of it.
        version: Of the template, such as ``1.0.0``.
        display_name: For people.
        description: What its pipelines do.
        hosting_type: Where its model computes.
        model_family: Kind of model, free text.
    """

    name: str
    version: str
    display_name: str
    description: str
    hosting_type: HostingType
    model_family: str


@dataclass(frozen=True, slots=True)
class PipelineTemplate:
    """A pipeline template.

    Attributes:
        reference: What is known of it in public.
        files: Place on this machine of each file of its code, by its path in the folder.
        function_path: File of the function, relative to the folder.
        function_name: The function in that file.
        requirements_path: Requirements file in the folder, or None if it needs none.
        inputs: Inputs that its pipelines declare.
        outputs: Outputs that its pipelines declare.
        sources: Recommended source of each input, in an endpoint.
        destinations: Recommended destination of each output, in an endpoint.
        variables: Environment variables that its code reads, each with what it means.
    """

    reference: TemplateReference
    files: dict[str, Path]
    function_path: str
    function_name: str
    requirements_path: str | None
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    sources: tuple[tuple[str, InputSource], ...]
    destinations: tuple[tuple[str, OutputDestination], ...]
    variables: dict[str, str]
