"""Deployments on the wire: creation requests, changes, and the objects shown (contract, 5.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.core.deployments import Deployment, Mode
from headrace.core.destinations import OutputDestination
from headrace.core.errors import InvalidRequest
from headrace.core.mappings import MappedInput, MappedOutput
from headrace.core.sources import EndpointValue, InputSource, Rule
from headrace.wire.bodies import Body, timestamp
from headrace.wire.mappings import (
    destination_fields,
    read_input_mapping,
    read_output_mapping,
    source_fields,
)

_LOW_LATENCY_ONLY = (
    "enable_parallel_executions",
    "max_parallel_executions_per_pod",
    "ram_request",
    "gpu_request",
)
_KNOWN = {
    "pipeline_name",
    "name",
    "mode",
    "description",
    "execution_timeout_s",
    "endpoint_url_path",
    "endpoint_token",
    "schedule",
    "inputs_mapping",
    "outputs_mapping",
    "inputs",
    "outputs",
    *_LOW_LATENCY_ONLY,
}
_CHANGEABLE = ("is_enabled", "schedule", "inputs_mapping", "outputs_mapping")
MAX_TIMEOUT_S = 30 * 86400


@dataclass(frozen=True, slots=True)
class EndpointRequest:
    """A request to create an endpoint, its form checked."""

    name: str
    pipeline_name: str
    description: str | None
    inputs_mapping: tuple[tuple[str, InputSource], ...]
    outputs_mapping: tuple[tuple[str, OutputDestination], ...]
    url_path: str | None
    token: str | None
    timeout_s: float | None


@dataclass(frozen=True, slots=True)
class DeploymentUpdate:
    """A request to change a deployment, its form checked; None leaves a property as it is."""

    is_enabled: bool | None
    inputs_mapping: tuple[tuple[str, InputSource], ...] | None
    outputs_mapping: tuple[tuple[str, OutputDestination], ...] | None


def read_endpoint_request(body: Mapping[str, Any]) -> EndpointRequest:
    """Return the request that a JSON body of ``POST /endpoints`` makes.

    Raises:
        InvalidRequest: A key is unknown, missing, of the wrong type, or not for an endpoint.
    """
    given = {key: value for key, value in body.items() if value is not None}
    unknown = sorted(set(given) - _KNOWN)
    if unknown:
        raise InvalidRequest(
            f"Unknown key {', '.join(unknown)}; the keys are {', '.join(sorted(_KNOWN))}."
        )
    if "schedule" in given:
        raise InvalidRequest("schedule is for periodic deployments; leave it out of an endpoint.")
    _check_mode(given)
    return EndpointRequest(
        name=_text(given, "name"),
        pipeline_name=_text(given, "pipeline_name"),
        description=_optional_text(given, "description"),
        inputs_mapping=_inputs_mapping(given) or (),
        outputs_mapping=_outputs_mapping(given) or (),
        url_path=_optional_text(given, "endpoint_url_path"),
        token=_optional_text(given, "endpoint_token"),
        timeout_s=_timeout(given),
    )


def read_deployment_update(body: Mapping[str, Any]) -> DeploymentUpdate:
    """Return the change that a JSON body of ``PATCH /deployments/{name}`` asks for.

    Raises:
        InvalidRequest: A key is unknown or of the wrong type, or there is none.
    """
    unknown = sorted(set(body) - set(_CHANGEABLE))
    if unknown or not body:
        what = f"{', '.join(unknown)} cannot be changed" if unknown else "Nothing is to be changed"
        raise InvalidRequest(f"{what}: what can be is {', '.join(_CHANGEABLE)}.")
    if body.get("schedule") is not None:
        raise InvalidRequest("This deployment is an endpoint, so it has no schedule to change.")
    is_enabled = body.get("is_enabled")
    if is_enabled is not None and not isinstance(is_enabled, bool):
        raise InvalidRequest(f"is_enabled must be true or false, not {is_enabled!r}.")
    return DeploymentUpdate(is_enabled, _inputs_mapping(body), _outputs_mapping(body))


def deployment_item(deployment: Deployment) -> Body:
    """Return a deployment as an element of a list."""
    return {
        "name": deployment.name,
        "pipeline_name": deployment.pipeline.name,
        "execution_rule": deployment.rule.value,
        "mode": deployment.mode.value,
        "status": deployment.status.value,
        "is_enabled": deployment.is_enabled,
        "created_at": timestamp(deployment.created_at),
    }


def deployment_body(deployment: Deployment, token: str | None, public_url: str) -> Body:
    """Return a deployment.

    Args:
        deployment: The deployment.
        token: Its token, if it is an endpoint.
        public_url: Root URL of the server.
    """
    body: Body = {
        "id": deployment.id,
        "name": deployment.name,
        "mode": deployment.mode.value,
        "pipeline": {"name": deployment.pipeline.name, "id": deployment.pipeline.id},
        "execution_rule": deployment.rule.value,
        "status": deployment.status.value,
        "inputs_mapping": [_input_mapping(item) for item in deployment.inputs],
        "outputs_mapping": [_output_mapping(item) for item in deployment.outputs],
        "created_at": timestamp(deployment.created_at),
        "created_by": deployment.created_by,
        "updated_at": timestamp(deployment.updated_at),
        "updated_by": deployment.updated_by,
        "is_enabled": deployment.is_enabled,
        "is_archived": False,
        "description": deployment.description,
        "execution_timeout_s": deployment.timeout_s,
    }
    if deployment.rule is Rule.ENDPOINT:
        body["endpoint_token"] = token
        body["endpoint_url_path"] = deployment.url_path
        body["endpoint_url"] = f"{public_url}/endpoints/{deployment.url_path}"
    return body


def _input_mapping(item: MappedInput) -> Body:
    parameter, source = item.parameter, item.source
    body: Body = {
        "pipeline_input_name": parameter.name,
        "step_input_name": parameter.name,
        "data_type": parameter.data_type.value,
        "description": parameter.description,
    } | source_fields(source)
    if isinstance(source, EndpointValue):
        # What holds for a caller, whether the mapping says it or the pipeline.
        body |= {
            "is_required": source.is_required_for(parameter),
            "default_value": source.default_for(parameter),
        }
    return body


def _output_mapping(item: MappedOutput) -> Body:
    return {
        "pipeline_output_name": item.parameter.name,
        "step_output_name": item.parameter.name,
        "data_type": item.parameter.data_type.value,
        "description": item.parameter.description,
    } | destination_fields(item.destination)


def _check_mode(given: Mapping[str, Any]) -> None:
    mode = given.get("mode", Mode.ELASTIC.value)
    if mode == Mode.LOW_LATENCY.value:
        raise InvalidRequest(
            "mode 'low_latency' is not available on this server yet; use mode 'elastic'."
        )
    if mode != Mode.ELASTIC.value:
        raise InvalidRequest(f"mode must be 'elastic' or 'low_latency', not {mode!r}.")
    misplaced = [key for key in _LOW_LATENCY_ONLY if key in given]
    if misplaced:
        raise InvalidRequest(
            f"{', '.join(misplaced)} is for mode 'low_latency'; leave it out with mode 'elastic'."
        )


def _inputs_mapping(given: Mapping[str, Any]) -> tuple[tuple[str, InputSource], ...] | None:
    items = _list(given, "inputs_mapping", "inputs")
    return None if items is None else tuple(read_input_mapping(item) for item in items)


def _outputs_mapping(given: Mapping[str, Any]) -> tuple[tuple[str, OutputDestination], ...] | None:
    items = _list(given, "outputs_mapping", "outputs")
    return None if items is None else tuple(read_output_mapping(item) for item in items)


def _list(given: Mapping[str, Any], *names: str) -> list[Any] | None:
    for name in names:
        items = given.get(name)
        if items is None:
            continue
        if not isinstance(items, list):
            raise InvalidRequest(f"{name} must be a list of mapping objects.")
        return items
    return None


def _timeout(given: Mapping[str, Any]) -> float | None:
    seconds = given.get("execution_timeout_s")
    if seconds is None:
        return None
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if not is_number or not 0 < seconds <= MAX_TIMEOUT_S:
        raise InvalidRequest(
            f"execution_timeout_s must be a number of seconds above 0 and up to {MAX_TIMEOUT_S:,}, "
            f"not {seconds!r}."
        )
    return float(seconds)


def _text(given: Mapping[str, Any], key: str) -> str:
    value = given.get(key)
    if not isinstance(value, str) or not value:
        raise InvalidRequest(f"{key} is missing: give it as a text.")
    return value


def _optional_text(given: Mapping[str, Any], key: str) -> str | None:
    value = given.get(key)
    if value is not None and not isinstance(value, str):
        raise InvalidRequest(f"{key} must be a text, not {value!r}.")
    return value or None
