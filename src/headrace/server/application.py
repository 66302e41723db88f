"""The application: the routes of all rooms in one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.applications import Starlette

from headrace.api import routing as api
from headrace.console import routing as console
from headrace.console.assets import read_assets
from headrace.console.refusals import refuse_page
from headrace.endpoints import routing as endpoints
from headrace.endpoints.documents import read_endpoint_page
from headrace.web.dispatch import build_app
from headrace.web.exchange import Handler, Services
from headrace.wire.route import Route

HANDLERS: Mapping[Route, Handler] = {**api.HANDLERS, **endpoints.HANDLERS, **console.handlers()}


def application(
    services: Services, cors_origins: Sequence[str] = (), public_url: str = ""
) -> Starlette:
    """Return the application that serves every route with these services.

    Args:
        services: What handlers work with.
        cors_origins: Origins whose pages may call endpoints from browsers; ``*`` is all.
        public_url: Root URL under which callers reach the server.
    """
    # What is missing from the installation shows here, and not at its first reader.
    read_endpoint_page()
    for name in ("console.js", "htmx.js", "uplot.js"):
        read_assets().url(name)
    # Routes are looked through in order, and calls of endpoints are the most frequent requests.
    return build_app(
        {**endpoints.HANDLERS, **HANDLERS}, services, cors_origins, refuse_page, public_url
    )
