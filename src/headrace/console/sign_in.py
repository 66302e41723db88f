"""The page that strangers see: which program answers, and the way in."""

from __future__ import annotations

from starlette.responses import Response

from headrace.console.rendering import page
from headrace.web.exchange import Exchange


async def sign_in_page(exchange: Exchange) -> Response:
    """Show the way in."""
    url = exchange.services.public_url
    return page(exchange.request, "sign-in.html", title="Sign in", public_url=url, error=None)
