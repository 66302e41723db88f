"""The HTTP application: routes to handlers, credentials checked, errors translated."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.routing import Route as StarletteRoute

from headrace.api import (
    accounts,
    clock,
    data_store,
    deployments,
    endpoint_docs,
    endpoints,
    executions,
    health,
    ledger,
    pipelines,
    projects,
    request_log,
    signed_objects,
)
from headrace.api.cross_origin import endpoint_access
from headrace.api.exchange import Exchange, Handler, answer, in_the_contract
from headrace.api.front_page import front_page
from headrace.api.permission import check_right
from headrace.api.refusals import BEARER, ENDPOINT_TOKEN, defect, refusal, stopping
from headrace.api.services import Services
from headrace.control.tokens import Caller
from headrace.core.errors import HeadraceError, NotFound, Unauthenticated
from headrace.wire import routes
from headrace.wire.eras import CLIENT_HEADER
from headrace.wire.problems import error_body

logger = logging.getLogger(__name__)

HANDLERS: Mapping[routes.Route, Handler] = {
    routes.HEALTH: health.health,
    routes.ENVIRONMENT_INFO: accounts.environment_info,
    routes.ENVIRONMENT_SUMMARY: accounts.environment_summary,
    routes.CLOCK: clock.show_clock,
    routes.CONFIRM_CLOCK: clock.confirm_clock,
    routes.REFRESH: accounts.refresh,
    routes.ME: accounts.me,
    routes.USER: accounts.user,
    routes.TOKENS: accounts.list_tokens,
    routes.CREATE_TOKEN: accounts.create_token,
    routes.REVOKE_TOKEN: accounts.revoke_token,
    routes.PROJECT: projects.show_project,
    routes.UPDATE_PROJECT: projects.update_project,
    routes.VARIABLES: projects.list_variables,
    routes.SET_VARIABLES: projects.set_variables,
    routes.SET_VARIABLE: projects.set_variable,
    routes.DELETE_VARIABLE: projects.delete_variable,
    routes.PIPELINES: pipelines.list_pipelines,
    routes.CREATE_PIPELINE: pipelines.create_pipeline,
    routes.PIPELINE: pipelines.show_pipeline,
    routes.DELETE_PIPELINE: pipelines.delete_pipeline,
    routes.DOWNLOAD_PIPELINE: pipelines.download_pipeline,
    routes.SIGNED_BUNDLE: pipelines.signed_bundle,
    routes.PIPELINE_LOGS: pipelines.pipeline_logs,
    routes.PIPELINE_LOG_LINES: pipelines.pipeline_log_lines,
    routes.RUN_PIPELINE: executions.run_pipeline,
    routes.PIPELINE_EXECUTIONS: pipelines.pipeline_executions,
    routes.LATEST_EXECUTION: pipelines.latest_execution,
    routes.DEPLOYMENTS: deployments.list_deployments,
    routes.CREATE_ENDPOINT: deployments.create_endpoint,
    routes.CREATE_PERIODIC: deployments.create_periodic,
    routes.FIRE_TIMES: ledger.fire_times,
    routes.LEDGER: ledger.list_ledger,
    routes.VERIFY_LEDGER: ledger.verify_ledger,
    routes.DEPLOYMENT: deployments.show_deployment,
    routes.UPDATE_DEPLOYMENT: deployments.update_deployment,
    routes.DELETE_DEPLOYMENT: deployments.delete_deployment,
    routes.LATEST_DEPLOYMENT_EXECUTION: deployments.latest_deployment_execution,
    routes.TRIGGER_DEPLOYMENT: deployments.trigger_deployment,
    routes.DEPLOYMENT_LOGS: deployments.deployment_logs,
    routes.DEPLOYMENT_LOG_LINES: deployments.deployment_log_lines,
    routes.RENEW_ENDPOINT_TOKEN: deployments.renew_endpoint_token,
    routes.EXECUTIONS: executions.list_executions,
    routes.EXECUTION: executions.show_execution,
    routes.DELETE_EXECUTION: executions.delete_execution,
    routes.CANCEL_EXECUTION: executions.cancel_execution,
    routes.EXECUTION_OUTPUTS: executions.execution_outputs,
    routes.EXECUTION_OUTPUT: executions.execution_output,
    routes.EXECUTION_INPUT: executions.execution_input,
    routes.EXECUTION_LOGS: executions.execution_logs,
    routes.EXECUTION_LOG_LINES: executions.execution_log_lines,
    routes.OBJECT_INFORMATION: data_store.object_information,
    routes.OBJECTS: data_store.list_objects,
    routes.UPLOAD_OBJECT: data_store.upload_object,
    routes.DOWNLOAD_OBJECT: data_store.download_object,
    routes.DELETE_OBJECT: data_store.delete_object,
    routes.BEGIN_UPLOAD: data_store.begin_upload,
    # Before those that take an id in the same place.
    routes.UPLOAD_PART: data_store.upload_part,
    routes.END_UPLOAD: data_store.end_upload,
    routes.UPLOAD_PART_BY_ID: data_store.upload_part_by_id,
    routes.END_UPLOAD_BY_ID: data_store.end_upload_by_id,
    routes.ABANDON_UPLOAD: data_store.abandon_upload,
    routes.SIGNED_UPLOAD: signed_objects.signed_upload,
    routes.SIGNED_PART: signed_objects.signed_part,
    routes.SIGNED_DOWNLOAD: signed_objects.signed_download,
}

ENDPOINT_HANDLERS: Mapping[routes.Route, Handler] = {
    routes.ENDPOINT_V1: endpoints.call_endpoint_v1,
    routes.ENDPOINT_RESULTS_V1: endpoints.endpoint_results_v1,
    routes.ENDPOINT_FILE_V1: endpoints.endpoint_file_v1,
    routes.ENDPOINT: endpoints.call_endpoint,
    routes.ENDPOINT_RESULTS: endpoints.endpoint_results,
    routes.ENDPOINT_OPENAPI: endpoint_docs.endpoint_openapi,
    routes.ENDPOINT_DOCS: endpoint_docs.endpoint_page,
    routes.FRONT: front_page,
}
"""Handlers outside of the API, which check an endpoint's own token if they need one. Those below
``v1`` come first, as it is no path."""


def build_app(services: Services, cors_origins: Sequence[str] = ()) -> Starlette:
    """Return the application that serves the contract with these services.

    Args:
        services: What handlers work with.
        cors_origins: Origins whose pages may call endpoints from browsers; ``*`` is all.
    """
    # A page that is missing from the installation shows here, and not at its first reader.
    endpoint_docs.read_page()
    app = Starlette(
        routes=[
            StarletteRoute(
                routes.PREFIX + route.path,
                _endpoint(route, handler, services),
                methods=[route.method],
            )
            for route, handler in HANDLERS.items()
        ]
        + [
            StarletteRoute(
                route.path, _endpoint(route, handler, services), methods=_endpoint_methods(route)
            )
            for route, handler in ENDPOINT_HANDLERS.items()
        ],
        middleware=[endpoint_access(cors_origins)] if cors_origins else [],
        exception_handlers={HTTPException: _no_route},
    )
    # A path with a slash too much names nothing; a redirect would drop what is after it.
    app.router.redirect_slashes = False
    return app


def _endpoint_methods(route: routes.Route) -> list[str]:
    # curl -L -X POST repeats its method on every hop, so results answer to POST as well.
    is_result = route in {routes.ENDPOINT_RESULTS, routes.ENDPOINT_RESULTS_V1}
    return ["GET", "POST"] if is_result else [route.method]


async def authenticate(request: Request, services: Services) -> Caller:
    """Return who makes a request, by its ``Authorization: Bearer`` header.

    Raises:
        Unauthenticated: There is none, or it is not valid.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated(
            "This needs an access token: send it as 'Authorization: Bearer <access token>', got "
            f"from {routes.REFRESH.url()} with an SDK token."
        )
    return await services.tokens.caller(token.strip())


def _endpoint(
    route: routes.Route, handler: Handler, services: Services
) -> Callable[[Request], Awaitable[Response]]:
    scheme = BEARER if route.root == routes.PREFIX else ENDPOINT_TOKEN

    async def answered(request: Request) -> Response:
        request_id = str(uuid.uuid4())
        try:
            is_open = route.is_public or route.root != routes.PREFIX
            caller = None if is_open else await authenticate(request, services)
            if caller is not None:
                check_right(caller, route)
            response = await handler(Exchange(request, services, caller))
            return in_the_contract(response, route, request.headers.get(CLIENT_HEADER))
        except HeadraceError as error:
            return refusal(error, request_id, scheme)
        except asyncio.CancelledError:
            # By the HTTP server, which has waited for long enough.
            return stopping(request_id)
        except ClientDisconnect:
            # Nobody is left to read an answer.
            return Response(status_code=499)
        except Exception:
            logger.exception("request %s: %s %s failed", request_id, route.method, route.path)
            return defect(request_id)

    async def endpoint(request: Request) -> Response:
        began = time.perf_counter()
        response = await answered(request)
        request_log.say(request, response.status_code, began)
        return response

    return endpoint


def allowed_methods(request: Request) -> str:
    """Return the methods that the path of a request answers to, separated by commas."""
    methods = {"OPTIONS"}
    for route in request.app.routes:
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            methods |= route.methods
    return ", ".join(sorted(methods))


async def _no_route(request: Request, error: Exception) -> Response:
    began = time.perf_counter()
    response = _refused_route(request, error)
    request_log.say(request, response.status_code, began)
    return response


def _refused_route(request: Request, error: Exception) -> Response:
    request_id = str(uuid.uuid4())
    status = error.status_code if isinstance(error, HTTPException) else 404
    if status == 405:
        allowed = allowed_methods(request)
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={"Allow": allowed})
        problem = HeadraceError(
            f"{request.url.path} does not answer {request.method}: it answers {allowed}."
        )
        body = error_body(problem, request_id) | {"name": "MethodNotAllowed"}
        return answer(body, 405, {"Allow": allowed})
    return refusal(NotFound(f"There is nothing at {request.url.path}."), request_id)
