"""The page that strangers see: which program answers, and the way in and out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from starlette.responses import Response

from headrace.console.forms import read_fields
from headrace.console.rendering import page, see_other
from headrace.control.sign_in import Opened
from headrace.core.errors import HeadraceError, InvalidRequest
from headrace.core.sessions import LIFETIME
from headrace.web.exchange import Exchange
from headrace.web.permission import (
    cookie_name,
    is_encrypted,
    mark_name,
    session_token,
    visitor_of,
)
from headrace.wire.answers import retry_after
from headrace.wire.problems import status_of

MARKED_FOR = timedelta(days=365)
"""So long a browser is known with which somebody has signed in."""


async def sign_in_page(exchange: Exchange) -> Response:
    """Show the way in."""
    return _shown(exchange, _next(exchange.request.query_params.get("next", "")))


async def sign_in(exchange: Exchange) -> Response:
    """Open a session, and go to the page that was asked for."""
    fields = await read_fields(exchange, "name", "password", "token", "next")
    goal, services = _next(fields["next"]), exchange.services
    try:
        opened = await _opened(exchange, fields)
    except HeadraceError as error:
        return _shown(exchange, goal, error, fields["name"])
    await _end_session(exchange)
    response = see_other(goal)
    _keep(response, exchange, cookie_name(services), opened.token, LIFETIME)
    if opened.mark:
        _keep(response, exchange, mark_name(services), opened.mark, MARKED_FOR)
    return response


async def _opened(exchange: Exchange, fields: Mapping[str, str]) -> Opened:
    services, visitor = exchange.services, visitor_of(exchange.request, exchange.services)
    if fields["token"].strip():
        return Opened(await services.sign_in.with_token(fields["token"].strip(), visitor), "")
    if not fields["name"].strip() or not fields["password"]:
        raise InvalidRequest("Give your name and your password, or an SDK token.")
    return await services.sign_in.with_password(fields["name"], fields["password"], visitor)


def _keep(
    response: Response, exchange: Exchange, name: str, value: str, lifetime: timedelta
) -> None:
    """Set a cookie that scripts cannot read."""
    response.set_cookie(
        name,
        value,
        max_age=int(lifetime.total_seconds()),
        httponly=True,
        secure=is_encrypted(exchange.services),
        # Links from elsewhere show their page; requests that change something need more.
        samesite="lax",
    )


async def sign_out(exchange: Exchange) -> Response:
    """End the session."""
    await read_fields(exchange)
    await _end_session(exchange)
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


async def _end_session(exchange: Exchange) -> None:
    """End the session that a browser has come with, whoever's it is."""
    token = session_token(exchange.request, exchange.services)
    if token is not None:
        await exchange.services.sessions.sign_out(token)


def _shown(
    exchange: Exchange, goal: str, error: HeadraceError | None = None, name: str = ""
) -> Response:
    shown = page(
        exchange.request,
        "sign-in.html",
        title="Sign in",
        status=200 if error is None else status_of(error),
        public_url=exchange.services.public_url,
        error=error,
        goal=goal,
        name=name,
    )
    if error is not None:
        shown.headers.update(retry_after(error))
    return shown


def _next(path: str) -> str:
    """Return where to go from here: a page of this server, and never another site."""
    is_own = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable()
    return path if is_own else "/"
