"""What a server says at its root: which program it is, and where to go."""

from __future__ import annotations

import html
from collections.abc import Awaitable, Callable
from importlib import resources

from starlette.requests import Request
from starlette.responses import Response

from headrace.api.endpoint_docs import hash_of
from headrace.api.exchange import answer
from headrace.version import __version__
from headrace.wire import routes


def front_page(public_url: str) -> Callable[[Request], Awaitable[Response]]:
    """Return the handler of ``/``: a page for browsers, JSON for programs.

    Args:
        public_url: Root of the server, as callers reach it.
    """
    folder = resources.files("headrace.api") / "pages"
    style = (folder / "front.css").read_text("utf-8")
    page = (folder / "front.html").read_text("utf-8").replace("/* style */", style)
    page = page.replace("{version}", __version__).replace("{url}", html.escape(public_url))
    policy = "; ".join(
        (
            "default-src 'none'",
            f"style-src {hash_of(style)}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
    headers = {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "Vary": "Accept",
        "X-Content-Type-Options": "nosniff",
    }
    facts = {
        "name": "headrace",
        "version": __version__,
        "environment_url": public_url,
        "api": public_url + routes.PREFIX,
        "health": public_url + routes.HEALTH.url(),
    }

    async def front(request: Request) -> Response:
        if "text/html" in request.headers.get("accept", ""):
            return Response(page, media_type="text/html", headers=headers)
        return answer(facts, headers=headers)

    return front
