"""Templates to pages: what every page is given, and the security policy it is sent with."""

from __future__ import annotations

import functools
import secrets
from typing import Any
from urllib.parse import quote, unquote

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from headrace.console import words
from headrace.console.assets import read_assets
from headrace.console.drawing import mapping
from headrace.console.navigation import NAVIGATION
from headrace.core.clock import now
from headrace.version import __version__
from headrace.web.below import prefix_for, with_prefix

SAID = "headrace-said"
"""Cookie with a line that the next page shows once, such as what was deleted."""

_SAID_S = 60


@functools.cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("headrace.console", "pages"),
        autoescape=select_autoescape(("html", "svg")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    templates.filters.update(words.FILTERS)
    templates.globals.update(
        asset=lambda name: read_assets().url(name),
        version=__version__,
        navigation=NAVIGATION,
        wires=mapping.wires,
    )
    return templates


def page(
    request: Request,
    template: str,
    *,
    title: str,
    section: str = "",
    status: int = 200,
    **facts: Any,
) -> Response:
    """Return a page.

    Args:
        request: What it answers.
        template: File of the template, in the folder ``pages``.
        title: Title of the page; the product's name is put behind it.
        section: The entry of the navigation that it belongs to.
        status: HTTP status.
        facts: What the template shows.
    """
    nonce = secrets.token_urlsafe(16)
    text = (
        _templates()
        .get_template(template)
        .render(
            title=title,
            section=section,
            nonce=nonce,
            here=_here(request),
            server_root=prefix_for(request),
            query=request.query_params,
            said=unquote(request.cookies.get(SAID, "")),
            session=getattr(request.state, "session", None),
            standing=getattr(request.state, "standing", None),
            # The answer to a form cannot be asked for anew by its address.
            revision=getattr(request.state, "revision", "") if request.method == "GET" else "",
            now=now(),
            **facts,
        )
    )
    shown = with_prefix(request, text)
    response = Response(shown, status, media_type="text/html", headers=_headers(nonce))
    if SAID in request.cookies:
        response.delete_cookie(SAID)
    return response


def fragment(request: Request, template: str, **facts: Any) -> Response:
    """Return a part of a page, for a script that asks for it; the arguments are those of a page."""
    text = _templates().get_template(template).render(query=request.query_params, **facts)
    shown = with_prefix(request, text)
    return Response(shown, media_type="text/html", headers=_headers(secrets.token_urlsafe(16)))


def see_other(url: str, *, said: str = "") -> Response:
    """Return a redirection to a page on this server, which says a line once.

    Args:
        url: Path of the page, with its query.
        said: The line.
    """
    response = RedirectResponse(url, 303, {"Cache-Control": "no-store", "Vary": "Accept, Cookie"})
    if said:
        response.set_cookie(
            SAID, quote(said[:500]), max_age=_SAID_S, httponly=True, samesite="strict"
        )
    return response


def _here(request: Request) -> str:
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")


def _headers(nonce: str) -> dict[str, str]:
    """Return the headers of a page: nothing runs in it or comes into it but what is ours."""
    policy = (
        "default-src 'none'",
        f"script-src 'nonce-{nonce}'",
        f"style-src 'nonce-{nonce}'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
    return {
        "Cache-Control": "no-store",
        "Content-Security-Policy": "; ".join(policy),
        "Cross-Origin-Opener-Policy": "same-origin",
        "Referrer-Policy": "same-origin",
        "Vary": "Accept, Cookie",
        "X-Content-Type-Options": "nosniff",
    }
