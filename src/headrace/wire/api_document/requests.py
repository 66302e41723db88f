"""What requests bring: queries and bodies, route by route."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.core.deployments import Mode
from headrace.core.executions import Status
from headrace.core.low_latency import OPTION_NAMES as LOW_LATENCY_NAMES
from headrace.core.metrics import MAX_VALUES
from headrace.core.schedule_requests import OPTION_NAMES as SCHEDULE_NAMES
from headrace.core.schedules import Fate
from headrace.core.sources import Rule
from headrace.wire import object_routes, routes
from headrace.wire.api_document.values import (
    ANYTHING,
    CONFIG,
    COUNT,
    FLAG,
    INPUT_MAPPING,
    INSTANT,
    LOG_PERIOD,
    NAME,
    NUMBER,
    OUTPUT_MAPPING,
    SIGNATURE,
    TEXT,
    listed,
    maybe,
    record,
)
from headrace.wire.route import Route
from headrace.wire.schemas import Schema

_PAGE: Mapping[str, Schema] = {"limit": COUNT, "cursor": TEXT}
_CHOICE: Mapping[str, Schema] = {
    "pipeline_name": NAME,
    "deployment_name": NAME,
    "status": {"enum": [status.value for status in Status]},
    "since": INSTANT,
    "until": INSTANT,
    "version": COUNT,
    "execution_rule": {"enum": [rule.value for rule in Rule]},
    "created_by": TEXT,
    "text": TEXT,
    "id_prefix": TEXT,
}
_PERIOD: Mapping[str, Schema] = {"from": INSTANT, "to": INSTANT}
_WAITS: Mapping[str, Schema] = {"wait_for_completion": FLAG}
_FOLLOWING: Mapping[str, Schema] = {
    "cursor": {"type": "integer", "minimum": 0},
    "limit": COUNT,
    "wait_s": {"type": "integer", "minimum": 0},
}
_METRICS: Mapping[str, Schema] = {
    **{
        f"filters[{key}]": TEXT
        for key in ("name", "pipeline_name", "deployment_name", "execution_id")
    },
    "items_per_page": COUNT,
    "page": COUNT,
}

QUERIES: Mapping[Route, Mapping[str, Schema]] = {
    routes.PIPELINE: _WAITS,
    routes.STEP: _WAITS,
    routes.DEPLOYMENT: _WAITS,
    routes.EXECUTION: {**_WAITS, "include_io_values": FLAG},
    routes.EXECUTION_OUTPUTS: {**_WAITS, "wait_for_results": FLAG},
    routes.VERSION: _WAITS,
    routes.VERSIONS: {"limit": COUNT, "cursor": COUNT},
    routes.DELETE_PIPELINE: {"force_deployments_deletion": FLAG},
    routes.DELETE_STEP: {"force_dependents_deletion": FLAG},
    routes.PIPELINE_EXECUTIONS: _PAGE,
    routes.EXECUTIONS: {**_PAGE, **_CHOICE, "after": TEXT, "download": FLAG},
    routes.COUNT_EXECUTIONS: _CHOICE,
    routes.COMPARE_EXECUTIONS: {"id": TEXT, "column": TEXT, "download": FLAG},
    routes.RERUN: {"code": TEXT, "once": FLAG},
    routes.OVERVIEW: {"since": TEXT},
    routes.CALLS_OVER_TIME: {"range": TEXT, "deployment_name": NAME},
    routes.FIRE_TIMES: {"count": COUNT},
    routes.LEDGER: {
        **_PAGE,
        **_PERIOD,
        "fate": {"enum": [fate.value for fate in Fate]},
        "with_status": FLAG,
    },
    routes.VERIFY_LEDGER: {**_PERIOD, "deployment_name": NAME},
    routes.PIPELINE_LOG_LINES: _FOLLOWING,
    routes.VERSION_LOG_LINES: _FOLLOWING,
    routes.DEPLOYMENT_LOG_LINES: _FOLLOWING,
    routes.EXECUTION_LOG_LINES: _FOLLOWING,
    routes.SEARCH_LOG: {
        "text": TEXT,
        "after": {"type": "integer", "minimum": 0},
        "limit": COUNT,
    },
    routes.METRICS: _METRICS,
    routes.LIST_METRICS: _METRICS,
    routes.RESOURCE_METRICS: {
        "start": COUNT,
        "end": COUNT,
        "download": FLAG,
        **{f"filters[{key}]": TEXT for key in ("pipeline_name", "deployment_name", "execution_id")},
    },
    object_routes.OBJECTS: {
        "folder_path": TEXT,
        "continuation_token": TEXT,
        "limit": COUNT,
        "include_continuation_token": FLAG,
    },
    object_routes.UPLOAD_OBJECT: {"path_to_object": TEXT},
    object_routes.UPLOAD_PART_BY_ID: {"part_number": COUNT, "path_to_object": TEXT},
}
"""The parameters of the query of each route that takes some."""

_CODE: dict[str, Schema] = {
    "function_path": maybe(TEXT),
    "function_name": maybe(TEXT),
    "description": maybe(TEXT),
    "container_config": CONFIG,
    **SIGNATURE,
}
_DEPLOYMENT: dict[str, Schema] = {
    "is_enabled": FLAG,
    "description": maybe(TEXT),
    "inputs_mapping": listed(INPUT_MAPPING),
    "outputs_mapping": listed(OUTPUT_MAPPING),
    "execution_timeout_s": NUMBER,
    "retries": {"type": "integer", "minimum": 0},
    "retry_backoff_s": NUMBER,
    "pipeline_version": maybe(COUNT),
    "probe": maybe({"type": "object"}),
    "attachments": {
        "type": "object",
        "additionalProperties": maybe(
            record("digest size", digest=TEXT, size={"type": "integer", "minimum": 0})
        ),
    },
    **dict.fromkeys(LOW_LATENCY_NAMES, ANYTHING),
}
_SCHEDULE: dict[str, Schema] = {"schedule": TEXT, **dict.fromkeys(SCHEDULE_NAMES, ANYTHING)}
_NEW: dict[str, Schema] = {
    "name": NAME,
    "pipeline_name": NAME,
    "mode": {"enum": [mode.value for mode in Mode]},
}
_VERSIONING: dict[str, Schema] = {
    "replace": FLAG,
    "force": FLAG,
    "message": TEXT,
    "commit_id": TEXT,
    "calling": TEXT,
}
_UPLOAD = {"path_to_object": TEXT, "multipart_upload_id": TEXT}
_PART = record("", part_number=COUNT, e_tag=TEXT)

_JSON = "application/json"
_FORM = "multipart/form-data"


def _json(schema: Schema) -> dict[str, Schema]:
    return {_JSON: schema}


def _made_of(required: str, **own: Schema) -> dict[str, Schema]:
    """Return the bodies that create something of code: JSON without a folder, a form with one."""
    whole = record(required, **own, **_CODE)
    file: Schema = {"type": "string", "format": "binary"}
    return {_JSON: whole, _FORM: record(required, **own, **_CODE, step_file=file)}


BODIES: Mapping[Route, Mapping[str, Schema]] = {
    routes.REFRESH: _json(record("refresh_token", refresh_token=TEXT)),
    routes.CREATE_USER: _json(record("name password", name=NAME, password=TEXT, email=maybe(TEXT))),
    routes.SET_PASSWORD: _json(record("password", password=TEXT, current_password=TEXT)),
    routes.CREATE_TOKEN: _json(record("name", name=NAME, user=maybe(TEXT))),
    routes.UPDATE_PROJECT: _json(CONFIG),
    routes.SET_VARIABLES: _json(
        record(
            "environment_variables",
            environment_variables={"type": "object", "additionalProperties": ANYTHING},
        )
    ),
    routes.SET_VARIABLE: {_FORM: record("value", value=TEXT)},
    routes.CREATE_PIPELINE: _made_of(
        "pipeline_name",
        pipeline_name=NAME,
        pipeline_template_name=NAME,
        step_names=listed(NAME),
        **_VERSIONING,
    ),
    routes.CREATE_STEP: _made_of("step_name", step_name=NAME),
    routes.UPDATE_STEP: _made_of(""),
    routes.CHECK_VERSION: _json(record("", **SIGNATURE)),
    routes.ROLL_BACK_PIPELINE: _json(record("", version=maybe(COUNT), force=FLAG)),
    routes.RUN_PIPELINE: {
        _FORM: record("", json_inputs=TEXT, inputs_mapping=TEXT, outputs_mapping=TEXT)
    },
    **dict.fromkeys(
        (routes.CREATE_ENDPOINT, routes.CHECK_ENDPOINT),
        _json(
            record(
                "name pipeline_name",
                **_NEW,
                **_DEPLOYMENT,
                endpoint_url_path=NAME,
                endpoint_token=TEXT,
            )
        ),
    ),
    **dict.fromkeys(
        (routes.CREATE_PERIODIC, routes.CHECK_PERIODIC),
        _json(record("name pipeline_name schedule", **_NEW, **_DEPLOYMENT, **_SCHEDULE)),
    ),
    **dict.fromkeys(
        (routes.UPDATE_DEPLOYMENT, routes.CHECK_UPDATE),
        _json(record("", **_DEPLOYMENT, **_SCHEDULE, replace_pods=FLAG, force=FLAG)),
    ),
    routes.TRIGGER_DEPLOYMENT: _json({"type": "object"}),
    routes.RENEW_ENDPOINT_TOKEN: _json(record("", endpoint_token=TEXT)),
    routes.RERUN: {_FORM: record("", json_inputs=TEXT)},
    routes.PLAN_RERUNS: _json(
        record(
            "execution_ids",
            execution_ids=listed(TEXT),
            code=ANYTHING,
            inputs={"type": "object"},
            file_inputs=listed(TEXT),
        )
    ),
    routes.RECORD_METRIC: _json(record("value execution_id", value=NUMBER, execution_id=TEXT)),
    routes.RECORD_LIST_METRIC: _json(
        record(
            "values execution_id",
            values={"type": "array", "items": NUMBER, "minItems": 1, "maxItems": MAX_VALUES},
            execution_id=TEXT,
        )
    ),
    **dict.fromkeys(
        (
            routes.PIPELINE_LOGS,
            routes.VERSION_LOGS,
            routes.STEP_LOGS,
            routes.DEPLOYMENT_LOGS,
            routes.EXECUTION_LOGS,
            routes.EXECUTION_LOGS_OF_PIPELINE,
        ),
        _json(LOG_PERIOD),
    ),
    **dict.fromkeys(
        (
            object_routes.OBJECT_INFORMATION,
            object_routes.DOWNLOAD_OBJECT,
            object_routes.DELETE_OBJECT,
            object_routes.BEGIN_UPLOAD,
        ),
        _json(record("path_to_object", path_to_object=TEXT)),
    ),
    object_routes.UPLOAD_PART: _json(
        record("part_number", **_UPLOAD, part_number=COUNT, size=COUNT, chunk_size=COUNT)
    ),
    object_routes.END_UPLOAD: _json(record("parts", **_UPLOAD, parts=listed(_PART), size=COUNT)),
    object_routes.END_UPLOAD_BY_ID: _json(
        record("parts", path_to_object=TEXT, parts=listed(_PART))
    ),
    routes.ENDPOINT: _json({"type": "object"}),
    routes.ENDPOINT_V1: _json({"type": "object"}),
}
"""The schema of the body by media type, of each route that takes one."""


def parameters(route: Route) -> list[dict[str, Any]]:
    """Return the parameters of a route's path and query."""
    found = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in route.placeholders
    ]
    for name, schema in QUERIES.get(route, {}).items():
        found.append({"name": name, "in": "query", "required": False, "schema": schema})
    return found
