"""Requests of people that are refused: a page that says why, or the way to sign in."""

from __future__ import annotations

from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from headrace.console.rendering import page, see_other
from headrace.core.errors import HeadraceError, Unauthenticated
from headrace.wire.answers import retry_after
from headrace.wire.problems import status_of

_TITLES = {
    403: "Not allowed",
    404: "Not found",
    409: "Not now",
    413: "Too large",
    429: "Not now",
    503: "Not now",
}


def refuse_page(request: Request, error: HeadraceError, request_id: str) -> Response:
    """Return the page that says why a request was refused."""
    if isinstance(error, Unauthenticated) and request.method == "GET":
        return see_other(sign_in_url(request))
    status = status_of(error)
    title = _TITLES.get(status, "Refused" if status < 500 else "Failed")
    shown = page(
        request, "refused.html", title=title, status=status, error=error, request_id=request_id
    )
    shown.headers.update(retry_after(error))
    return shown


def sign_in_url(request: Request) -> str:
    """Return the address of the page to sign in, from which one comes back to this page."""
    here = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return "/sign-in" if here == "/" else f"/sign-in?next={quote(here, safe='')}"
