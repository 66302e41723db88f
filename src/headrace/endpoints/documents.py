"""The documents of an endpoint: its OpenAPI document and its page for browsers."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources

from starlette.responses import Response

from headrace.web.exchange import Exchange
from headrace.web.page_policy import hash_of
from headrace.wire.answers import Answer
from headrace.wire.openapi import endpoint_document

STYLE = ("endpoint.css",)
SCRIPT = ("values.js", "snippets.js", "form.js", "answer.js", "endpoint.js")
"""Files that make up the page's one script, in the order in which they build on each other."""


@dataclass(frozen=True, slots=True)
class Page:
    """The page of every endpoint: it asks for the token and learns the rest with it.

    Attributes:
        html: The page, with its style and script in it.
        security_policy: ``Content-Security-Policy`` that lets in these two and nothing else.
    """

    html: bytes
    security_policy: str


async def endpoint_openapi(exchange: Exchange) -> Answer:
    """Describe an endpoint as an OpenAPI 3.1 document; needs the endpoint's token."""
    document = endpoint_document(exchange.endpoint.deployment, exchange.services.public_url)
    return Answer(document, headers={"Cache-Control": "no-store"})


async def endpoint_page(exchange: Exchange) -> Response:
    """Send the page to try an endpoint in a browser: the same for all, also where there is none."""
    del exchange
    page = read_page()
    return Response(
        page.html,
        media_type="text/html",
        headers={
            "Cache-Control": "no-cache",
            "Content-Security-Policy": page.security_policy,
            "Cross-Origin-Opener-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        },
    )


@functools.cache
def read_page() -> Page:
    """Return the page, put together from the package's files."""
    folder = resources.files("headrace.endpoints") / "pages"
    style = "".join((folder / name).read_text("utf-8") for name in STYLE)
    script = "".join((folder / name).read_text("utf-8") for name in SCRIPT)
    html = (folder / "endpoint.html").read_text("utf-8")
    html = html.replace("/* style */", style).replace("/* script */", script)
    policy = {
        "default-src": "'none'",
        "script-src": hash_of(script),
        "style-src": hash_of(style),
        "img-src": "data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
        "require-trusted-types-for": "'script'",
    }
    return Page(html.encode(), "; ".join(f"{key} {value}" for key, value in policy.items()))
