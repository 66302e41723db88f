"""The documents of an endpoint: its OpenAPI document and its page for browsers."""

from __future__ import annotations

import functools

from starlette.responses import Response

from headrace.web.exchange import Exchange
from headrace.web.pages import Page, read_page
from headrace.wire.answers import Answer
from headrace.wire.openapi import endpoint_document

STYLE = ("endpoint.css",)
SCRIPT = ("values.js", "snippets.js", "form.js", "answer.js", "endpoint.js")
"""Files that make up the page's one script, in the order in which they build on each other."""


async def endpoint_openapi(exchange: Exchange) -> Answer:
    """Describe an endpoint as an OpenAPI 3.1 document; needs the endpoint's token."""
    deployment = exchange.services.pods.served(exchange.endpoint.deployment)
    document = endpoint_document(deployment, exchange.services.public_url)
    return Answer(document, headers={"Cache-Control": "no-store"})


async def endpoint_page(exchange: Exchange) -> Response:
    """Send the page to try an endpoint in a browser: the same for all, also where there is none."""
    del exchange
    page = read_endpoint_page()
    headers = {**page.headers, "Cross-Origin-Opener-Policy": "same-origin"}
    return Response(page.html, media_type="text/html", headers=headers)


@functools.cache
def read_endpoint_page() -> Page:
    """Return the page of every endpoint: it asks for the token and learns the rest with it."""
    policy = ("img-src data:", "connect-src 'self'", "require-trusted-types-for 'script'")
    return read_page("headrace.endpoints", "endpoint.html", STYLE, SCRIPT, *policy)
