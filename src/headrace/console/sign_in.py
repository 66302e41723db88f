"""The page that strangers see: which program answers, and the way in and out."""

from __future__ import annotations

from starlette.responses import Response

from headrace.console.forms import read_fields
from headrace.console.rendering import page, see_other
from headrace.core.errors import HeadraceError
from headrace.core.sessions import LIFETIME
from headrace.web.exchange import Exchange
from headrace.web.permission import cookie_name, is_encrypted, session_token
from headrace.wire.problems import status_of


async def sign_in_page(exchange: Exchange) -> Response:
    """Show the way in."""
    return _shown(exchange, _next(exchange.request.query_params.get("next", "")))


async def sign_in(exchange: Exchange) -> Response:
    """Open a session, and go to the page that was asked for."""
    fields = await read_fields(exchange, "token", "next")
    goal = _next(fields["next"])
    try:
        token = await exchange.services.sessions.sign_in_with_token(fields["token"].strip())
    except HeadraceError as error:
        return _shown(exchange, goal, error)
    response = see_other(goal)
    response.set_cookie(
        cookie_name(exchange.services),
        token,
        max_age=int(LIFETIME.total_seconds()),
        httponly=True,
        secure=is_encrypted(exchange.services),
        # Links from elsewhere show their page; requests that change something need more.
        samesite="lax",
    )
    return response


async def sign_out(exchange: Exchange) -> Response:
    """End the session."""
    await read_fields(exchange)
    token = session_token(exchange.request, exchange.services)
    if token is not None:
        await exchange.services.sessions.sign_out(token)
    response = see_other("/sign-in")
    services = exchange.services
    response.delete_cookie(
        # Without the same attributes, browsers do not believe it of a name with this prefix.
        cookie_name(services),
        secure=is_encrypted(services),
        httponly=True,
        samesite="lax",
    )
    return response


def _shown(exchange: Exchange, goal: str, error: HeadraceError | None = None) -> Response:
    return page(
        exchange.request,
        "sign-in.html",
        title="Sign in",
        status=200 if error is None else status_of(error),
        public_url=exchange.services.public_url,
        error=error,
        goal=goal,
    )


def _next(path: str) -> str:
    """Return where to go from here: a page of this server, and never another site."""
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_own else "/"
