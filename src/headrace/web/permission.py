"""Permission: the one place where credentials and rights are compared with what a route needs."""

from __future__ import annotations

from starlette.requests import Request

from headrace.core.errors import PermissionDenied, Unauthenticated
from headrace.core.rights import GRANTABLE, IN_EXECUTIONS, Right
from headrace.core.scopes import ANYBODY, ENDPOINT_CALLER, Scope
from headrace.web.exchange import Exchange, Services
from headrace.wire.answers import BEARER, ENDPOINT_TOKEN
from headrace.wire.route import Open, Route
from headrace.wire.routes import REFRESH


async def admitted(request: Request, services: Services, route: Route) -> Exchange:
    """Return the exchange of a request that its caller may make.

    Raises:
        Unauthenticated: The credentials that the route needs are missing, or not valid.
        PermissionDenied: The caller is code of a pipeline, which has fewer rights than a user.
        NotFound: There is no endpoint at the path that is called.
    """
    if isinstance(route.needs, Right):
        scope = await services.tokens.scope_of(_access_token(request))
        check_right(scope, route.needs, route.summary)
        return Exchange(request, services, route, scope)
    if route.needs is Open.ENDPOINT_TOKEN:
        path, token = request.path_params["path"], _endpoint_token(request)
        called = await services.deployments.endpoint(path, token)
        return Exchange(request, services, route, ENDPOINT_CALLER, called)
    return Exchange(request, services, route, ANYBODY)


def check_right(scope: Scope, needs: Right, summary: str) -> None:
    """Refuse a call that its caller may not make.

    Raises:
        PermissionDenied: The caller does not have the right.
    """
    if needs in scope.may:
        return
    what = summary[0].lower() + summary[1:]
    raise PermissionDenied(
        f"Code {scope.place} may not do this: {what}. {_way_out(needs)}",
        details={"needs": needs.value},
    )


def _access_token(request: Request) -> str:
    token = _credentials(request, BEARER)
    if not token:
        raise Unauthenticated(
            "This needs an access token: send it as 'Authorization: Bearer <access token>', got "
            f"from {REFRESH.url()} with an SDK token."
        )
    return token


def _endpoint_token(request: Request) -> str:
    token = _credentials(request, ENDPOINT_TOKEN) or request.query_params.get("token", "")
    if not token:
        raise Unauthenticated(
            "This needs the endpoint's token: send it as 'Authorization: EndpointToken <token>'."
        )
    return token


def _credentials(request: Request, scheme: str) -> str:
    sent, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if sent.lower() == scheme.lower() else ""


def _way_out(needs: Right) -> str:
    outside = "Do it from outside, with an SDK token"
    if needs in IN_EXECUTIONS:
        return f"{outside}, or in the function, once it is called."
    if needs in GRANTABLE:
        return f"{outside}; or the operator allows it with HEADRACE_EXECUTIONS_MAY={needs}."
    return f"{outside}."
