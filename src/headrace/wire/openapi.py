"""The OpenAPI 3.1 document of an endpoint, made from its mapping."""

from __future__ import annotations

from collections.abc import Sequence

from headrace.core.deployments import Deployment
from headrace.core.values import MAX_VALUES_BYTES
from headrace.wire.answers import VERSION
from headrace.wire.bodies import timestamp
from headrace.wire.routes import ENDPOINT, ENDPOINT_RESULTS
from headrace.wire.schemas import (
    BYTES,
    Field,
    Schema,
    SentInput,
    closed_object,
    example_of,
    inputs_schema,
    outputs_schema,
    sent_inputs,
    shown_outputs,
)

JSON = "application/json"
FORM = "multipart/form-data"

_WHERE = {
    "schema": {"type": "string", "format": "uri"},
    "description": "Where to get the outputs with a GET, which is held until there are some.",
}
_EXECUTION_ID = {
    "schema": {"type": "string", "format": "uuid"},
    "description": "Id of the execution that the call started.",
}
_MADE_BY = {
    "Craft-Ai-Execution-Id": _EXECUTION_ID,
    VERSION: {
        "schema": {"type": "integer"},
        "description": "Number of the version that makes the call.",
    },
}
_ERRORS = {
    "400": "The inputs cannot be used; the message names all that is wrong. Nothing was started.",
    "401": "The token is missing or wrong.",
    "404": "There is no such endpoint.",
    "409": "The endpoint is disabled, or the Idempotency-Key was used for another request.",
    "413": "The inputs are larger than a limit.",
    "500": "The execution failed; the message says why, and additional_data has its id.",
}
ERROR: Schema = {
    "type": "object",
    "required": ["message", "name", "request_id", "additional_data"],
    "properties": {
        "message": {"type": "string", "description": "What was wrong and what to do."},
        "name": {"type": "string", "description": "The kind of error, which stays the same."},
        "request_id": {"type": "string", "description": "Finds the request in the server's log."},
        "additional_data": {"type": ["object", "null"], "description": "Further facts."},
    },
}
"""The body of every error."""


def endpoint_document(deployment: Deployment, public_url: str) -> Schema:
    """Return the OpenAPI 3.1 document of an endpoint.

    Args:
        deployment: A deployment that is an endpoint.
        public_url: Root URL of the server, without a slash at its end.
    """
    path = str(deployment.url_path)
    results = ENDPOINT_RESULTS.url(path=path, execution_id="{execution_id}")
    return {
        "openapi": "3.1.0",
        "info": {
            "title": deployment.name,
            "description": deployment.description or deployment.pipeline.description or "",
            "version": timestamp(deployment.updated_at),
        },
        "servers": [{"url": public_url}],
        "security": [{"EndpointToken": []}],
        "paths": {
            ENDPOINT.url(path=path): {"post": _call(deployment)},
            results: {"get": _results(deployment)},
        },
        "components": {
            "schemas": {
                "Inputs": inputs_schema(sent_inputs(deployment), with_files=False),
                "Outputs": outputs_schema(shown_outputs(deployment)),
                "Error": ERROR,
            },
            "responses": {status: _error(about) for status, about in _ERRORS.items()},
            "securitySchemes": {
                "EndpointToken": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "The word EndpointToken, a space, and the endpoint's token.",
                }
            },
        },
    }


def _call(deployment: Deployment) -> Schema:
    return {
        "operationId": "call",
        "summary": "Call the endpoint",
        "description": (
            "The request is held until the outputs are there. A call that takes longer is answered "
            "with 303, and following that gives the outputs."
        ),
        "parameters": [
            {
                "name": "Idempotency-Key",
                "in": "header",
                "description": "A key of your choice: repeating a call with the same key starts "
                "nothing a second time, and answers with the outputs of the first.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 200},
            },
            {
                "name": "Prefer",
                "in": "header",
                "description": "respond-async to be answered at once with 202, or wait=SECONDS to "
                "be held no longer than that.",
                "schema": {"type": "string"},
                "examples": {
                    "at once": {"value": "respond-async"},
                    "within 5 seconds": {"value": "wait=5"},
                },
            },
            {
                "name": VERSION,
                "in": "header",
                "description": "Number of the version that is to make the call; without it, the "
                "one that the endpoint has now.",
                "schema": {"type": "integer", "minimum": 1},
            },
        ],
        "requestBody": _request_body(sent_inputs(deployment)),
        "responses": {
            "200": _success(shown_outputs(deployment)),
            "202": _accepted(),
            "303": _see_other(),
            **_errors("400", "401", "404", "409", "413", "500"),
        },
    }


def _results(deployment: Deployment) -> Schema:
    return {
        "operationId": "results",
        "summary": "Get the outputs of a call",
        "description": "Held until there are some, like the call itself.",
        "parameters": [{"name": "execution_id", "in": "path", "required": True, **_EXECUTION_ID}],
        "responses": {
            "200": _success(shown_outputs(deployment)),
            "303": _see_other(),
            **_errors("401", "404", "500"),
        },
    }


def _request_body(inputs: Sequence[SentInput]) -> Schema:
    files = [item for item in inputs if item.is_file]
    content: Schema = {}
    # JSON carries no file, so it serves only where the file may be left out.
    if not any(item.must_be_sent for item in files):
        content[JSON] = {
            "schema": {"$ref": "#/components/schemas/Inputs"},
            "example": example_of(inputs),
        }
    if files:
        content[FORM] = {
            "schema": inputs_schema(inputs, with_files=True),
            "encoding": {
                item.name: {"contentType": BYTES if item.is_file else JSON} for item in inputs
            },
        }
    return {
        "description": (
            f"All values that are no files: at most {MAX_VALUES_BYTES:,} bytes of JSON together, "
            "unless the server is set to another size. "
            "An input that is left out has its default, or that of the function. In a form, each "
            "value is JSON text."
        ),
        "required": any(item.must_be_sent for item in inputs),
        "content": content,
    }


def _success(outputs: Sequence[Field]) -> Schema:
    content: Schema = {JSON: {"schema": {"$ref": "#/components/schemas/Outputs"}}}
    files = [item.name for item in outputs if item.is_file]
    about = "The outputs."
    if files:
        content[BYTES] = {"schema": {"type": "string", "format": "binary"}}
        about = f"The file {files[0]}; or the outputs as JSON, if the function returned no file."
    headers: Schema = dict(_MADE_BY)
    if files:
        headers["Content-Disposition"] = {
            "schema": {"type": "string"},
            "description": "For a file: attachment, with the name that the function gave it.",
        }
    return {"description": about, "headers": headers, "content": content}


def _accepted() -> Schema:
    body = closed_object(
        {
            "execution_id": _EXECUTION_ID["schema"],
            "status": {"const": "accepted"},
            "results_url": _WHERE["schema"],
        }
    )
    return {
        "description": "The call is recorded and will end (Prefer: respond-async).",
        "headers": {"Location": _WHERE, **_MADE_BY},
        "content": {JSON: {"schema": body}},
    }


def _see_other() -> Schema:
    body = closed_object(
        {
            "execution_id": _EXECUTION_ID["schema"],
            "status": {"const": "accepted"},
            "results_url": _WHERE["schema"],
            "message": {"type": "string"},
        }
    )
    return {
        "description": "There are no outputs yet: follow the Location, or ask there later.",
        "headers": {"Location": _WHERE, **_MADE_BY},
        "content": {JSON: {"schema": body}},
    }


def _error(about: str) -> Schema:
    schema = {"$ref": "#/components/schemas/Error"}
    return {"description": about, "content": {JSON: {"schema": schema}}}


def _errors(*statuses: str) -> Schema:
    return {status: {"$ref": f"#/components/responses/{status}"} for status in statuses}
