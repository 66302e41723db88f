"""The fields of the form that changes a deployment, and the API's body for what differs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.console import deployment_fields as fields
from headrace.core.deployments import Deployment
from headrace.core.destinations import DataStorePath
from headrace.core.errors import InvalidRequest
from headrace.core.sources import Constant, DataStoreFile

_MADE_ONCE = {option.key for option in fields.ADDRESS}
_MAY_GO = {"probe"}
"""What can be taken away again; all else only gets another value."""

MADE = "made"
"""The hidden field that says which state of the deployment the form was made of."""


def options_of(found: Deployment) -> list[fields.Option]:
    """Return the options beside the mapping that can be changed."""
    options = fields.options_of(found.rule, found.mode.value)
    return [option for option in options if option.key not in _MADE_ONCE]


def ends_of(found: Deployment) -> dict[str, str]:
    """Return the fields of the mapping that can be changed: constants and paths.

    Returns:
        The name of the input or output that each is about, by the field's name.
    """
    sources = {
        fields.VALUE + item.parameter.name: item.parameter.name
        for item in found.inputs
        if item.source.kind in {Constant.kind, DataStoreFile.kind}
    }
    goals = {
        fields.PLACE + item.parameter.name: item.parameter.name
        for item in found.outputs
        if item.destination.kind == DataStorePath.kind
    }
    return sources | goals


def state_of(found: Deployment) -> str:
    """Return a text that is another one after each change of a deployment."""
    return found.updated_at.isoformat()


def change_of(typed: Mapping[str, str], found: Deployment) -> dict[str, Any]:
    """Return the body of the change that the form asks for; empty if nothing differs.

    Raises:
        InvalidRequest: Something was emptied that has to have a value.
    """
    before = fields.typed_of(found)
    differs = [key for key, text in typed.items() if key != MADE and text != before.get(key, "")]
    options = {option.key: option for option in options_of(found)}
    body: dict[str, Any] = {}
    for key in (key for key in differs if key in options):
        if not typed[key] and key not in _MAY_GO:
            raise InvalidRequest(f"{key} must have a value: it has one now.")
        body[key] = fields.option_value(options[key], typed[key])
    if "max_parallel_executions_per_pod" in body:
        body["enable_parallel_executions"] = True
    meant = {**before, **typed}
    changed = [key for key in ends_of(found) if key in differs]
    inputs = [
        fields.source_of(meant, found.rule, item.parameter.name, item.parameter.data_type)
        for item in found.inputs
        if fields.VALUE + item.parameter.name in changed
    ]
    outputs = [
        fields.goal_of(meant, found.rule, item.parameter.name, item.parameter.data_type)
        for item in found.outputs
        if fields.PLACE + item.parameter.name in changed
    ]
    return (
        body
        | ({"inputs_mapping": inputs} if inputs else {})
        | ({"outputs_mapping": outputs} if outputs else {})
    )
