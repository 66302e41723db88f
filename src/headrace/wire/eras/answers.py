"""Answers in the shapes and the words of earlier releases of the public client."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.core.deployments import DeploymentStatus
from headrace.core.errors import NotFound
from headrace.core.pipelines import PipelineStatus
from headrace.wire import routes
from headrace.wire.answers import Answer
from headrace.wire.eras.versions import (
    CREATION_WORDS_SINCE,
    IS_ENABLED_SINCE,
    PIPELINES_ARE_NESTED_SINCE,
    PIPELINES_HAVE_INPUTS_SINCE,
    SMALL_WORDS_SINCE,
    STATUS_SINCE,
    WAITS_FOR_OBJECTS_SINCE,
    Version,
)
from headrace.wire.route import Route

Body = dict[str, Any]

_STILL_BUILDING = 206

_PIPELINES = frozenset({routes.CREATE_PIPELINE, routes.PIPELINE})
_STEPS = frozenset({routes.CREATE_STEP, routes.STEP, routes.UPDATE_STEP})
_LISTS = frozenset({routes.PIPELINES, routes.STEPS})
_DEPLOYMENTS = frozenset(
    {
        routes.CREATE_ENDPOINT,
        routes.CREATE_PERIODIC,
        routes.DEPLOYMENT,
        routes.UPDATE_DEPLOYMENT,
    }
)

_CAPITAL_WORDS = {
    PipelineStatus.PENDING.value: "Pending",
    PipelineStatus.READY.value: "Ready",
    PipelineStatus.FAILED.value: "Failed",
}
_SHORT_WORDS = {
    DeploymentStatus.CREATION_PENDING.value: "pending",
    DeploymentStatus.CREATION_FAILED.value: "failed",
}
_UPDATE_WORDS = {
    DeploymentStatus.CREATION_PENDING.value: "creating",
    DeploymentStatus.DOWN_RETRYING.value: "updating",
    DeploymentStatus.CREATION_FAILED.value: "failed",
}


def as_of(version: Version, route: Route, answer: Answer) -> Answer:
    """Return an answer as a release of the public client reads it.

    Args:
        version: The release.
        route: The route that was asked.
        answer: The answer to the current release; no error.

    Raises:
        NotFound: It is asked for something whose creation failed, by a release that sees a failure
            in nothing else.
    """
    if route in _PIPELINES | _STEPS:
        return _made(version, route, answer)
    if route in _DEPLOYMENTS:
        return _deployed(version, answer)
    if route in _LISTS and version < SMALL_WORDS_SINCE:
        return answer._replace(
            body=[{**item, "status": _CAPITAL_WORDS[item["status"]]} for item in answer.body]
        )
    return answer


def _made(version: Version, route: Route, answer: Answer) -> Answer:
    """Return a pipeline or a step."""
    body = answer.body
    status = body["creation_info"]["status"]
    if version < WAITS_FOR_OBJECTS_SINCE:
        if status == PipelineStatus.FAILED.value:
            raise NotFound(f"The creation has failed: {body['creation_info'].get('failure')}")
        if status == PipelineStatus.PENDING.value and answer.status == 201:
            answer = answer._replace(status=_STILL_BUILDING)
    if version < SMALL_WORDS_SINCE:
        info = {**body["creation_info"], "status": _CAPITAL_WORDS[status]}
        body = {**body, "creation_info": info}
    if version < PIPELINES_ARE_NESTED_SINCE and route in _PIPELINES:
        body = _flat(body, version)
    return answer._replace(body=body)


def _flat(body: Mapping[str, Any], version: Version) -> Body:
    """Return a pipeline as a list of steps, of which it has one."""
    parameters, info = body["parameters"], body["creation_info"]
    step = info.get("step_name") or parameters["pipeline_name"]
    inputs, outputs = (
        [
            {f"{noun}_name": item["name"], "step_name": step}
            | {key: value for key, value in item.items() if key != "name"}
            for item in parameters[f"{noun}s"]
        ]
        for noun in ("input", "output")
    )
    flat: Body = {
        "pipeline_name": parameters["pipeline_name"],
        "created_at": info["created_at"],
        "created_by": info["created_by"],
        "steps": [step],
    }
    if version < PIPELINES_HAVE_INPUTS_SINCE:
        return {**flat, "open_inputs": inputs, "open_outputs": outputs}
    flat |= {"inputs": inputs, "outputs": outputs}
    if info.get("step_name") is None:
        own = {key: info[key] for key in ("commit_id", "status", "origin")}
        flat |= {"container_config": parameters["container_config"], "creation_info": own}
    return flat


def _deployed(version: Version, answer: Answer) -> Answer:
    body, status = answer.body, answer.body["status"]
    is_pending = status == DeploymentStatus.CREATION_PENDING.value
    if version < WAITS_FOR_OBJECTS_SINCE and is_pending and answer.status == 201:
        answer = answer._replace(status=_STILL_BUILDING)
    if version < CREATION_WORDS_SINCE:
        body = {**body, "status": _SHORT_WORDS.get(status, status)}
    if version < STATUS_SINCE:
        body = {**body, "update_status": _UPDATE_WORDS.get(status, "success")}
    if version < IS_ENABLED_SINCE:
        body = {**body, "active": body["is_enabled"]}
    return answer._replace(body=body)
