"""The HTTP application: routes to handlers, credentials checked, errors translated."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match
from starlette.routing import Route as StarletteRoute

from headrace.core.errors import HeadraceError, NotFound
from headrace.objects.links import xml_of
from headrace.web import request_log
from headrace.web.below import Below, prefix_of
from headrace.web.cross_origin import endpoint_access
from headrace.web.exchange import Handler, Services, rendered
from headrace.web.permission import admitted
from headrace.wire import routes
from headrace.wire.answers import (
    BEARER,
    DEFECT,
    ENDPOINT_TOKEN,
    NO_CONTENT,
    STOPPING,
    Answer,
    defect,
    named_refusal,
    refusal,
)
from headrace.wire.eras.keys import for_client
from headrace.wire.eras.versions import CLIENT_HEADER
from headrace.wire.problems import status_of
from headrace.wire.route import PREFIX, Open, Route

logger = logging.getLogger(__name__)


Refuse = Callable[[Request, HeadraceError, str], Answer | Response]
"""Makes the answer to a request that is refused, from the reason and the request's id."""


def build_app(
    handlers: Mapping[Route, Handler],
    services: Services,
    cors_origins: Sequence[str],
    refuse_page: Refuse,
    public_url: str,
) -> Starlette:
    """Return the application that serves routes by these handlers.

    Args:
        handlers: By route; of two that a path may mean, the first is asked.
        services: The verbs and places that handlers work with.
        cors_origins: Origins whose pages may call endpoints from browsers; ``*`` is all.
        refuse_page: Refuses requests of people who look at pages.
        public_url: Root URL under which callers reach the server, which may have a path.
    """
    prefix = prefix_of(public_url)
    paths = [route.root + route.path for route in handlers]
    below = [Middleware(Below, prefix=prefix, paths=paths)] if prefix else []
    access = [endpoint_access(cors_origins)] if cors_origins else []
    app = Starlette(
        routes=[
            StarletteRoute(
                route.root + route.path,
                _endpoint(route, handler, services, _refusal_of(route, refuse_page)),
                methods=_methods(route),
            )
            for route, handler in handlers.items()
        ],
        middleware=[*below, *access],
        exception_handlers={HTTPException: partial(_no_route, refuse_page)},
    )
    # A path with a slash too much names nothing; a redirect would drop what is after it.
    app.router.redirect_slashes = False
    return app


def _methods(route: Route) -> list[str]:
    # curl -L -X POST repeats its method on every hop, so results answer to POST as well.
    is_result = route in {routes.ENDPOINT_RESULTS, routes.ENDPOINT_RESULTS_V1}
    return ["GET", "POST"] if is_result else [route.method]


def _refusal_of(route: Route, refuse_page: Refuse) -> Refuse:
    """Return what refuses requests of a route."""
    if route.is_page:
        return refuse_page
    if route.needs is Open.SIGNATURE:
        return _refuse_signed
    scheme = BEARER if route.root == PREFIX else ENDPOINT_TOKEN
    return lambda _, error, request_id: refusal(error, request_id, scheme)


def _refuse_signed(_request: Request, error: HeadraceError, _request_id: str) -> Response:
    """Refuse the request of a signed URL, as clients of such URLs expect it."""
    return Response(xml_of(error), status_of(error), media_type="application/xml")


def _endpoint(
    route: Route, handler: Handler, services: Services, refuse: Refuse
) -> Callable[[Request], Awaitable[Response]]:
    async def answered(request: Request) -> Answer | Response:
        request_id = str(uuid.uuid4())
        try:
            answer = await handler(await admitted(request, services, route))
            client = request.headers.get(CLIENT_HEADER)
            return for_client(answer, route, client) if isinstance(answer, Answer) else answer
        except HeadraceError as error:
            return refuse(request, error, request_id)
        except asyncio.CancelledError:
            # By the HTTP server, which has waited for long enough.
            return refuse(request, STOPPING, request_id)
        except ClientDisconnect:
            # Nobody is left to read an answer.
            return Response(status_code=499)
        except Exception:
            logger.exception("request %s: %s %s failed", request_id, route.method, route.path)
            if route.is_page:
                return refuse(request, HeadraceError(DEFECT), request_id)
            return defect(request_id)

    async def endpoint(request: Request) -> Response:
        began = time.perf_counter()
        response = rendered(await answered(request))
        request_log.say(request.method, _path_of(request), response.status_code, began)
        return response

    return endpoint


def _path_of(request: Request) -> bytes:
    return request.scope.get("raw_path") or b"?"


def allowed_methods(request: Request) -> str:
    """Return the methods that the path of a request answers to, separated by commas."""
    methods = {"OPTIONS"}
    for route in request.app.routes:
        match, _ = route.matches(request.scope)
        if match is not Match.NONE:
            methods |= route.methods
    return ", ".join(sorted(methods))


async def _no_route(refuse_page: Refuse, request: Request, error: Exception) -> Response:
    began = time.perf_counter()
    response = rendered(_refused_route(refuse_page, request, error))
    request_log.say(request.method, _path_of(request), response.status_code, began)
    return response


def _refused_route(refuse_page: Refuse, request: Request, error: Exception) -> Answer | Response:
    request_id, path = str(uuid.uuid4()), request.url.path
    status = error.status_code if isinstance(error, HTTPException) else 404
    if status != 405:
        nothing = NotFound(f"There is nothing at {path}.")
        # Below the API's root programs ask, whatever they accept.
        is_api = path.startswith(f"{PREFIX}/")
        is_for_people = "text/html" in request.headers.get("accept", "") and not is_api
        refuse = refuse_page if is_for_people else lambda _, *refused: refusal(*refused)
        return refuse(request, nothing, request_id)
    allowed = allowed_methods(request)
    headers = {"Allow": allowed}
    if request.method == "OPTIONS":
        return NO_CONTENT._replace(headers=headers)
    message = f"{path} does not answer {request.method}: it answers {allowed}."
    return named_refusal(405, "MethodNotAllowed", message, request_id, headers)
