"""Pipeline templates on the wire (wire contract, 5.11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from headrace.core.names import check_name
from headrace.core.pipeline_templates import HostingType, PipelineTemplate, TemplateReference
from headrace.core.pipelines import check_message
from headrace.wire.fields import flag_of, refuse_unknown, text_or_none
from headrace.wire.mappings import destination_fields, source_fields
from headrace.wire.parameter_bodies import input_body, output_body

TEMPLATE_NAME = "pipeline_template_name"
"""The key of a request that makes a pipeline of a template."""

_KEYS = ("pipeline_name", TEMPLATE_NAME, "replace", "force", "message")


@dataclass(frozen=True, slots=True)
class TemplateRequest:
    """A request to make a pipeline of a template.

    Attributes:
        pipeline_name: Name of the pipeline.
        template_name: The template.
        replaces: Whether a pipeline of that name gets another version.
        is_forced: Whether the version becomes current although it breaks deployments or callers.
        message: What the author says of the version, or None.
    """

    pipeline_name: str
    template_name: str
    replaces: bool
    is_forced: bool
    message: str | None


def read_template_request(tree: Mapping[str, Any]) -> TemplateRequest:
    """Return the request that a decoded form or a JSON object stands for.

    Raises:
        InvalidRequest: Something is missing, wrong, or comes with the template already.
    """
    refuse_unknown(tree, _KEYS, f"A request with {TEMPLATE_NAME}")
    return TemplateRequest(
        pipeline_name=check_name(tree.get("pipeline_name"), "pipeline_name"),
        template_name=check_name(tree.get(TEMPLATE_NAME), TEMPLATE_NAME),
        replaces=flag_of(tree, "replace"),
        is_forced=flag_of(tree, "force"),
        message=check_message(text_or_none(tree.get("message"), "message")),
    )


def reference_body(reference: TemplateReference) -> dict[str, Any]:
    """Return the public facts about a template."""
    return asdict(reference)


def reference_from(body: Mapping[str, Any]) -> TemplateReference:
    """Return the facts that :func:`reference_body` described; for rows read back."""
    return TemplateReference(**{**body, "hosting_type": HostingType(body["hosting_type"])})


def template_item(template: PipelineTemplate) -> dict[str, Any]:
    """Return a template as an element of a list."""
    return reference_body(template.reference) | {"enabled": True}


def template_body(template: PipelineTemplate) -> dict[str, Any]:
    """Return a template with what its pipelines declare, and how an endpoint maps it."""
    types = {parameter.name: parameter.data_type.value for parameter in template.inputs}
    result_types = {parameter.name: parameter.data_type.value for parameter in template.outputs}
    return template_item(template) | {
        "inputs": [input_body(parameter) for parameter in template.inputs],
        "outputs": [output_body(parameter) for parameter in template.outputs],
        "recommended_inputs_mapping": [
            {"pipeline_input_name": name, "data_type": types[name], "source": source.kind}
            | source_fields(source)
            for name, source in template.sources
        ],
        "recommended_outputs_mapping": [
            {"pipeline_output_name": name, "data_type": result_types[name]}
            | {"destination": destination.kind}
            | destination_fields(destination)
            for name, destination in template.destinations
        ],
        "environment_variables": template.variables,
    }
