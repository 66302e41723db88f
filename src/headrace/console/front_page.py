"""The answer at a server's root: the name of the program, and where to go."""

from __future__ import annotations

import functools
import html

from starlette.responses import Response

from headrace.version import __version__
from headrace.web.exchange import Exchange
from headrace.web.pages import Page, read_page
from headrace.wire import routes
from headrace.wire.answers import Answer
from headrace.wire.route import PREFIX


async def front_page(exchange: Exchange) -> Answer | Response:
    """Say which program answers and where to go: a page for browsers, JSON for programs."""
    public_url = exchange.services.public_url
    page = _read_front_page()
    headers = {**page.headers, "Vary": "Accept"}
    if "text/html" in exchange.request.headers.get("accept", ""):
        text = page.html.replace("{version}", __version__).replace("{url}", html.escape(public_url))
        return Response(text, media_type="text/html", headers=headers)
    facts = {
        "name": "headrace",
        "version": __version__,
        "environment_url": public_url,
        "api": public_url + PREFIX,
        "health": public_url + routes.HEALTH.url(),
    }
    return Answer(facts, headers=headers)


@functools.cache
def _read_front_page() -> Page:
    return read_page("headrace.console", "front.html", ("front.css",))
