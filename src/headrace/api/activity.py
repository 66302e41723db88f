"""Routes of activity: what runs and failed, and calls over time."""

from __future__ import annotations

from datetime import timedelta

from headrace.core.clock import now
from headrace.web.exchange import Exchange
from headrace.web.instants import instant
from headrace.wire.activity import overview_body, period_bodies
from headrace.wire.answers import Answer

DEFAULT_SINCE = timedelta(days=1)


async def overview(exchange: Exchange) -> Answer:
    """Show what runs and comes next, and what failed or did not fire since ``since``.

    That is a time in ISO 8601, a day ago if none is given. Failures are grouped by deployment, or
    pipeline, and cause; the 250 newest of each status are looked at.
    """
    since = instant(exchange.request.query_params.get("since"), "since") or now() - DEFAULT_SINCE
    return Answer(overview_body(await exchange.services.activities.overview(exchange.scope, since)))


async def calls(exchange: Exchange) -> Answer:
    """Show how many calls there were in each period of a range, and how long they took.

    Takes ``range`` (``1h``, ``6h``, ``24h``, ``7d`` or ``31d``) and ``deployment_name``; without
    one it is about all executions. A call is counted in the period in which it was accepted, once
    it has ended, after half a minute at most. Durations are true to a tenth.
    """
    services, scope, query = exchange.services, exchange.scope, exchange.request.query_params
    name, whose = query.get("deployment_name"), ""
    if name:
        whose = (await services.deployments.get(scope, name)).id
    periods = await services.activities.periods(
        scope, query.get("range", "24h"), deployment_id=whose
    )
    return Answer({"periods": period_bodies(periods)})
