"""Permission: the one place where credentials and rights are compared with what a route needs."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.requests import Request

from headrace.control.sign_in import Visitor
from headrace.core.errors import PermissionDenied, Unauthenticated
from headrace.core.rights import GRANTABLE, IN_EXECUTIONS, Right
from headrace.core.scopes import ANYBODY, ENDPOINT_CALLER, Scope
from headrace.core.sessions import Session
from headrace.core.tokens import same_token
from headrace.web.below import prefix_of
from headrace.web.exchange import Exchange, Services
from headrace.wire import routes
from headrace.wire.answers import BEARER, ENDPOINT_TOKEN
from headrace.wire.route import Open, Route

CSRF_HEADER = "x-headrace-csrf"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


async def admitted(request: Request, services: Services, route: Route) -> Exchange:
    """Return the exchange of a request that its caller may make.

    Raises:
        Unauthenticated: The credentials that the route needs are missing, or not valid.
        PermissionDenied: The caller is code of a pipeline, which has fewer rights than a user.
        NotFound: There is no endpoint at the path that is called.
        ServerPaused: The request begins work, and the server takes none.
    """
    if route.is_page:
        # Every page says it, those of refusals too. What changes from here on is told to the page.
        request.state.standing = services.standby.standing
        request.state.revision = services.lookups.revision(ANYBODY)
    exchange = await _admitted(request, services, route)
    if route.begins_work:
        # The verbs refuse it as well; here, before anything of the body is read.
        services.standby.standing.check_work()
    return exchange


async def _admitted(request: Request, services: Services, route: Route) -> Exchange:
    if route.is_page and request.method not in SAFE_METHODS:
        # To sign somebody in is a change as well, for which there is no session yet.
        _check_origin(request, services)
    if isinstance(route.needs, Right):
        scope = await _scope_of(request, services, route)
        check_right(scope, route.needs, route.summary)
        return Exchange(request, services, route, scope)
    if route.needs is Open.ENDPOINT_TOKEN:
        path, token = request.path_params["path"], _endpoint_token(request)
        called = await services.deployments.endpoint(path, token)
        return Exchange(request, services, route, ENDPOINT_CALLER, called)
    return Exchange(request, services, route, ANYBODY)


async def _scope_of(request: Request, services: Services, route: Route) -> Scope:
    """Return the scope of whoever sent an access token, or else of the person who is signed in."""
    token = session_token(request, services)
    if token is None or "authorization" in request.headers:
        return await services.tokens.scope_of(_access_token(request))
    session = await services.sessions.of(token)
    request.state.session = session
    if request.method not in SAFE_METHODS:
        _check_origin(request, services)
        # Forms of pages bear it as a field, which whoever reads the form compares.
        if not route.is_page:
            check_csrf(session, request.headers.get(CSRF_HEADER, ""))
    return session.scope


def session_token(request: Request, services: Services) -> str | None:
    """Return the token of the session that a request belongs to, if its cookies name one."""
    return request.cookies.get(cookie_name(services)) or None


def is_encrypted(services: Services) -> bool:
    """Check whether callers reach this server by HTTPS."""
    return services.public_url.startswith("https:")


def cookie_name(services: Services) -> str:
    """Return the name of the cookie that holds the token of a session.

    With its prefix a browser takes it from nobody but this host, and sends it only encrypted; of a
    server below a path, only the latter.
    """
    return f"{_kind(services)}headrace" if is_encrypted(services) else "headrace-session"


def mark_name(services: Services) -> str:
    """Return the name of the cookie that marks a browser with which somebody has signed in."""
    return f"{_kind(services)}headrace-browser" if is_encrypted(services) else "headrace-browser"


def _kind(services: Services) -> str:
    # Below a path, cookies are for that path alone, which the stricter prefix does not allow.
    return "__Secure-" if prefix_of(services.public_url) else "__Host-"


def visitor_of(request: Request, services: Services) -> Visitor:
    """Return the browser that a request comes from, before anybody has signed in with it."""
    peer = request.client.host if request.client is not None else ""
    address = services.proxies.caller(peer, request.headers.getlist("x-forwarded-for"))
    return Visitor(address, request.cookies.get(mark_name(services), ""))


def check_csrf(session: Session, sent: str) -> None:
    """Refuse a request that may not come from a page of this server.

    Raises:
        PermissionDenied: It does not bear what pages of this session do.
    """
    if not same_token(session.csrf, sent):
        raise PermissionDenied(
            "This request does not come from a page of this session: load the page again, and "
            "send it from there."
        )


def _check_origin(request: Request, services: Services) -> None:
    """Refuse a request that a browser says another site has made."""
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    is_foreign = site not in {None, "same-origin", "none"}
    own = {request.headers.get("host"), urlsplit(services.public_url).netloc}
    if is_foreign or (origin and urlsplit(origin).netloc not in own):
        raise PermissionDenied("This request was made by a page of another site.")


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
            f"from {routes.REFRESH.url()} with an SDK token."
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
