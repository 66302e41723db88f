"""The home page: what runs now, what failed, what comes next; on an empty server, the tutorial."""

from __future__ import annotations

from starlette.responses import Response

from headrace.console.navigation import HOME
from headrace.console.rendering import page
from headrace.core.executions import Status
from headrace.web.exchange import Exchange

_SHOWN = 10


async def home(exchange: Exchange) -> Response:
    """Show the home page."""
    services, scope, request = exchange.services, exchange.scope, exchange.request
    if not await services.lookups.has_pipelines(scope):
        return page(
            request, "welcome.html", title="Home", section=HOME.name, public_url=services.public_url
        )
    failed = await services.lookups.executions(
        scope, limit=_SHOWN, statuses=(Status.FAILED, Status.ERROR)
    )
    at_work = await services.lookups.executions(
        scope, limit=_SHOWN, statuses=(Status.RUNNING, Status.PENDING)
    )
    return page(
        request, "home.html", title="Home", section=HOME.name, failed=failed, at_work=at_work
    )
