"""The keys of the contract's answers, route by route (wire contract, 5).

Programs that were written for the contract read answers strictly: a key that it does not have is
shown to users, or breaks a parser. Headrace's own clients get every key.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.wire import object_routes, routes
from headrace.wire.answers import Answer
from headrace.wire.eras.answers import as_of
from headrace.wire.eras.versions import (
    PIPELINES_ARE_NESTED_SINCE,
    STEPS_UNTIL,
    Version,
    client_version,
    is_public_client,
)
from headrace.wire.route import Route


class Anything:
    """The place of a value that is passed on as it is."""


ANY = Anything()

Shape = Anything | Mapping[str, Any] | list[Any]
"""The part of a value that is passed on: all, keys with their shapes, or a list of a shape."""


def _keys(names: str = "", **shapes: Shape) -> dict[str, Shape]:
    """Return the shape of an object: keys that hold anything, and keys with shapes of their own."""
    return {**dict.fromkeys(names.split(), ANY), **shapes}


_CONFIG = _keys(
    "language repository_url repository_branch included_folders system_dependencies "
    "dockerfile_path requirements_path"
)
_INPUT = _keys("name data_type description is_required default_value")
_TEMPLATE = "name version display_name description hosting_type model_family"
_PIPELINE = _keys(
    parameters=_keys(
        "pipeline_name function_path function_name description",
        inputs=[_INPUT],
        outputs=[_keys("name data_type description")],
        container_config=_CONFIG,
    ),
    creation_info=_keys(
        "created_at created_by commit_id status origin pipeline_template id is_archived"
    ),
)
_FLAT_PIPELINE = _keys(
    "pipeline_name created_at created_by steps open_inputs open_outputs inputs outputs",
    container_config=_CONFIG,
    creation_info=_keys("commit_id status origin"),
)
_STEP = _keys(
    parameters=_keys(
        "step_name function_path function_name description",
        inputs=[_INPUT],
        outputs=[_keys("name data_type description")],
        container_config=_CONFIG,
    ),
    creation_info=_keys("id created_at updated_at commit_id status origin"),
)
_EXECUTION_ITEM = _keys(
    "execution_id status created_at created_by end_date pipeline_name deployment_name"
)
_OUTPUT = _keys("pipeline_output_name step_output_name data_type mapping_type mapping_value value")
_EXECUTION = _EXECUTION_ITEM | _keys(
    inputs=[
        _keys("pipeline_input_name step_input_name data_type mapping_type mapping_value value")
    ],
    outputs=[_OUTPUT],
    steps=[
        _keys(
            "name status start_date end_date commit_id repository_url repository_branch "
            "requirements_path origin"
        )
    ],
)
_INPUT_MAPPING = _keys(
    "pipeline_input_name data_type description endpoint_input_name is_required default_value "
    "constant_value environment_variable_name datastore_path is_null"
)
_OUTPUT_MAPPING = _keys(
    "pipeline_output_name data_type description endpoint_output_name datastore_path is_null"
)
_LINE = _keys("timestamp message")
_EXECUTION_ID = _keys("execution_id")
_METRIC = "name created_at execution_id deployment_name pipeline_name"
_OBJECT = _keys("path last_modified size")
_SIGNED = _keys("signed_url")


def _deployment(*, has_steps: bool) -> dict[str, Shape]:
    # Clients before 0.73 know inputs by the name of a step's as well, and show what they are sent.
    steps = (_keys("step_input_name"), _keys("step_output_name")) if has_steps else ({}, {})
    return _keys(
        "id name mode execution_rule status endpoint_token endpoint_url_path schedule "
        "human_readable_schedule created_at created_by updated_at updated_by is_enabled "
        "is_archived description update_status active enable_parallel_executions "
        "max_parallel_executions_per_pod",
        pipeline=_keys("name id"),
        pods=[_keys("pod_id status")],
        inputs_mapping=[_INPUT_MAPPING | steps[0]],
        outputs_mapping=[_OUTPUT_MAPPING | steps[1]],
    )


_DEPLOYMENT = _deployment(has_steps=False)
_DEPLOYMENT_OF_STEPS = _deployment(has_steps=True)

_SHAPES: Mapping[Route, Shape] = {
    routes.ENVIRONMENT_INFO: _keys(
        "environment_id environment_status version gpu_enabled supported_base_images"
    ),
    routes.ENVIRONMENT_SUMMARY: _keys("environment_status environment_status_updated_at"),
    routes.CHANGE_ENVIRONMENT: _keys(
        "environment_id environment_status environment_status_updated_at"
    ),
    routes.VECTOR_DATABASE: _keys("vector_database_url vector_database_token"),
    routes.TEMPLATES: _keys(pipeline_templates=[_keys(f"{_TEMPLATE} enabled")]),
    routes.TEMPLATE: _keys(
        f"{_TEMPLATE} enabled recommended_inputs_mapping recommended_outputs_mapping",
        inputs=[_INPUT],
        outputs=[_keys("name data_type description")],
    ),
    routes.REFRESH: _keys("access_token"),
    routes.ME: _keys("id name email"),
    routes.USER: _keys("id name email"),
    routes.PROJECT: _CONFIG,
    routes.VARIABLES: [_keys("name value")],
    routes.SET_VARIABLES: [_keys("name value")],
    routes.SET_VARIABLE: _keys("name value"),
    routes.DELETE_VARIABLE: _keys("name value"),
    routes.PIPELINES: [_keys("pipeline_name created_at status")],
    routes.CREATE_PIPELINE: _PIPELINE,
    routes.PIPELINE: _PIPELINE,
    routes.DELETE_PIPELINE: _keys(
        pipeline=_keys("name"), deployments=[_keys("name execution_rule")]
    ),
    routes.DOWNLOAD_PIPELINE: _SIGNED,
    routes.PIPELINE_LOGS: [_LINE],
    routes.STEPS: [
        _keys(
            "step_name status created_at updated_at repository_branch repository_url commit_id "
            "origin"
        )
    ],
    routes.CREATE_STEP: _STEP,
    routes.STEP: _STEP,
    routes.UPDATE_STEP: _STEP,
    routes.DELETE_STEP: _keys("step_name"),
    routes.DOWNLOAD_STEP: _SIGNED,
    routes.STEP_LOGS: [_LINE],
    routes.RUN_PIPELINE: _EXECUTION_ID,
    routes.PIPELINE_EXECUTIONS: [_EXECUTION_ITEM],
    routes.LATEST_EXECUTION: _EXECUTION_ID,
    routes.DEPLOYMENTS: [_keys("name pipeline_name execution_rule mode is_enabled created_at")],
    routes.CREATE_ENDPOINT: _DEPLOYMENT,
    routes.CREATE_PERIODIC: _DEPLOYMENT,
    routes.DEPLOYMENT: _DEPLOYMENT,
    routes.UPDATE_DEPLOYMENT: _DEPLOYMENT,
    routes.DELETE_DEPLOYMENT: _keys("name execution_rule"),
    routes.LATEST_DEPLOYMENT_EXECUTION: _EXECUTION_ID,
    routes.TRIGGER_DEPLOYMENT: _EXECUTION_ID,
    routes.DEPLOYMENT_LOGS: [_LINE | _keys("stream pod_id type")],
    routes.RENEW_ENDPOINT_TOKEN: _keys("endpoint_token"),
    routes.EXECUTION: _EXECUTION,
    routes.DELETE_EXECUTION: _EXECUTION_ID,
    routes.EXECUTION_OUTPUTS: _keys(outputs=[_OUTPUT]),
    # The bare value, which is the user's.
    routes.EXECUTION_OUTPUT: ANY,
    routes.EXECUTION_INPUT: ANY,
    routes.EXECUTION_LOGS: [[_LINE]],
    routes.EXECUTION_LOGS_OF_PIPELINE: [[_LINE]],
    routes.METRICS: _keys("total_count", metrics=[_keys(f"{_METRIC} value")]),
    routes.LIST_METRICS: _keys("total_count", metrics=[_keys(f"{_METRIC} values")]),
    routes.RECORD_METRIC: _keys("name"),
    routes.RECORD_LIST_METRIC: _keys("name"),
    routes.RESOURCE_METRICS: _keys("additional_data metrics"),
    object_routes.OBJECT_INFORMATION: _OBJECT,
    object_routes.OBJECTS: _keys("continuation_token", items=[_OBJECT]),
    object_routes.UPLOAD_OBJECT: _keys("signed_url fields"),
    object_routes.DOWNLOAD_OBJECT: _SIGNED,
    object_routes.DELETE_OBJECT: _keys("path"),
    # Sent back as it came by later clients; earlier ones read the id.
    object_routes.BEGIN_UPLOAD: ANY,
    object_routes.UPLOAD_PART: _keys("signed_url headers"),
    object_routes.END_UPLOAD: _OBJECT,
    object_routes.UPLOAD_PART_BY_ID: _SIGNED,
    object_routes.END_UPLOAD_BY_ID: _OBJECT,
    routes.ENDPOINT: _EXECUTION_ID,
    routes.ENDPOINT_V1: _EXECUTION_ID,
}
"""The shapes for the current client. Results of endpoints are asked for without its header."""

CONTRACT_ROUTES = frozenset(_SHAPES)
"""The routes that the public client asks for with its header."""


def for_client(answer: Answer, route: Route, client: str | None) -> Answer:
    """Return an answer as the client that asks for it expects it.

    The public client gets the keys of the contract and no others; whoever else asks gets them all.

    Args:
        answer: The answer to a request, an error included.
        route: The route that was asked.
        client: The header ``craft-ai-client``.

    Raises:
        NotFound: As by :func:`as_of`.
    """
    if not is_public_client(client) or answer.status >= 400:
        return answer
    version = client_version(client)
    answer = as_of(version, route, answer)
    return answer._replace(body=only(contract_shape(route, version), answer.body))


def contract_shape(route: Route, version: Version) -> Shape:
    """Return the shape of a route's answer for a version of the public client."""
    shape = _SHAPES.get(route, ANY)
    if shape is _PIPELINE and version < PIPELINES_ARE_NESTED_SINCE:
        return _FLAT_PIPELINE
    return _DEPLOYMENT_OF_STEPS if shape is _DEPLOYMENT and version < STEPS_UNTIL else shape


def only(shape: Shape, value: Any) -> Any:
    """Return a value without the keys that its shape does not have."""
    if isinstance(shape, list) and isinstance(value, list):
        return [only(shape[0], element) for element in value]
    if isinstance(shape, Mapping) and isinstance(value, Mapping):
        return {key: only(shape[key], item) for key, item in value.items() if key in shape}
    return value
