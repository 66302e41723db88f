"""The document itself: each route, with what it takes and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from headrace.core.rights import Right
from headrace.version import __version__
from headrace.wire.api_document.requests import BODIES, parameters
from headrace.wire.api_document.values import record
from headrace.wire.eras.keys import Shape, contract_shape
from headrace.wire.eras.versions import CURRENT
from headrace.wire.openapi import ERROR
from headrace.wire.route import Open, Route
from headrace.wire.routes import ROUTES
from headrace.wire.schemas import Schema

_SCHEMES: Mapping[str, Schema] = {
    "AccessToken": {
        "type": "http",
        "scheme": "bearer",
        "description": "An access token, got with an SDK token from /api/v1/auth/refresh.",
    },
    "EndpointToken": {
        "type": "apiKey",
        "in": "header",
        "name": "Authorization",
        "description": "The word EndpointToken, a space, and the endpoint's token.",
    },
}


@cache
def api_document() -> Schema:
    """Return the OpenAPI 3.1 document of all routes."""
    paths: dict[str, dict[str, Any]] = {}
    for route in ROUTES:
        path = route.url(**{name: f"{{{name}}}" for name in route.placeholders})
        paths.setdefault(path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Headrace",
            "version": __version__,
            "description": "The API of this server. Answers may have further keys.",
        },
        "paths": paths,
        "components": {"schemas": {"Error": ERROR}, "securitySchemes": dict(_SCHEMES)},
    }


def _operation(route: Route) -> Schema:
    operation: Schema = {
        "operationId": f"{route.method.lower()} {route.path}",
        "summary": route.summary,
        "parameters": parameters(route),
        "responses": {"default": _answer("An error.", {"$ref": "#/components/schemas/Error"})},
        "security": _security(route),
    }
    operation["responses"]["2XX"] = _answer("It was done.", _schema(contract_shape(route, CURRENT)))
    if route in BODIES:
        content = {kind: {"schema": schema} for kind, schema in BODIES[route].items()}
        operation["requestBody"] = {"content": content}
    return operation


def _answer(about: str, schema: Schema) -> Schema:
    return {"description": about, "content": {"application/json": {"schema": schema}}}


def _security(route: Route) -> list[Schema]:
    if isinstance(route.needs, Right):
        return [{"AccessToken": []}]
    return [{"EndpointToken": []}] if route.needs is Open.ENDPOINT_TOKEN else []


def _schema(shape: Shape) -> Schema:
    if isinstance(shape, list):
        return {"type": "array", "items": _schema(shape[0])}
    if isinstance(shape, Mapping):
        return record("", **{key: _schema(part) for key, part in shape.items()})
    return {}
