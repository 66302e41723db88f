"""The answer at a server's root: the name of the program, and where to go."""

from __future__ import annotations

import functools
import html
from importlib import resources

from starlette.responses import Response

from headrace.version import __version__
from headrace.web.exchange import Exchange
from headrace.web.page_policy import hash_of
from headrace.wire import routes
from headrace.wire.answers import Answer


async def front_page(exchange: Exchange) -> Answer | Response:
    """Say which program answers and where to go: a page for browsers, JSON for programs."""
    public_url = exchange.services.public_url
    page, policy = read_front_page(public_url)
    headers = {
        "Cache-Control": "no-cache",
        "Content-Security-Policy": policy,
        "Referrer-Policy": "no-referrer",
        "Vary": "Accept",
        "X-Content-Type-Options": "nosniff",
    }
    if "text/html" in exchange.request.headers.get("accept", ""):
        return Response(page, media_type="text/html", headers=headers)
    facts = {
        "name": "headrace",
        "version": __version__,
        "environment_url": public_url,
        "api": public_url + routes.PREFIX,
        "health": public_url + routes.HEALTH.url(),
    }
    return Answer(facts, headers=headers)


@functools.cache
def read_front_page(public_url: str) -> tuple[str, str]:
    """Return the page of a server, and the policy that lets in its style and nothing else."""
    folder = resources.files("headrace.console") / "pages"
    style = (folder / "front.css").read_text("utf-8")
    page = (folder / "front.html").read_text("utf-8").replace("/* style */", style)
    page = page.replace("{version}", __version__).replace("{url}", html.escape(public_url))
    policy = (
        "default-src 'none'",
        f"style-src {hash_of(style)}",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
    return page, "; ".join(policy)
