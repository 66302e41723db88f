"""The answer at a server's root: the home page for people, the name of the program for programs."""

from __future__ import annotations

from starlette.responses import Response

from headrace.console.home import home
from headrace.console.routes import HOME
from headrace.version import __version__
from headrace.web.exchange import Exchange
from headrace.web.permission import admitted
from headrace.wire import routes
from headrace.wire.answers import Answer
from headrace.wire.route import PREFIX


async def front_page(exchange: Exchange) -> Answer | Response:
    """Show the home page to browsers whose user is signed in, and tell programs where to go.

    Raises:
        Unauthenticated: A person asks who has not signed in.
    """
    if "text/html" in exchange.request.headers.get("accept", ""):
        return await home(await admitted(exchange.request, exchange.services, HOME))
    public_url = exchange.services.public_url
    facts = {
        "name": "headrace",
        "version": __version__,
        "environment_url": public_url,
        "api": public_url + PREFIX,
        "health": public_url + routes.HEALTH.url(),
    }
    return Answer(facts, headers={"Cache-Control": "no-cache", "Vary": "Accept, Cookie"})
