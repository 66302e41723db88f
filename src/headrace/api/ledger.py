"""Routes of fire times: those to come, and what became of the others."""

from __future__ import annotations

from datetime import datetime

from starlette.datastructures import QueryParams

from headrace.core.errors import InvalidRequest
from headrace.core.schedules import Fate
from headrace.web.exchange import Exchange
from headrace.web.instants import instant
from headrace.wire.answers import Answer
from headrace.wire.bodies import timestamp
from headrace.wire.ledger import INSTANT, ledger_item, verification_body

MAX_FIRE_TIMES = 1000
MAX_PAGE = 1000


async def fire_times(exchange: Exchange) -> Answer:
    """List the next fire times of a periodic deployment, ``count`` of them."""
    count = exchange.integer("count", 10, at_least=1, at_most=MAX_FIRE_TIMES)
    deployment = await exchange.services.deployments.get(exchange.scope, exchange.name())
    schedule, at = deployment.schedule, deployment.next_fire_at
    if schedule is None or at is None:
        raise InvalidRequest(
            f"Deployment {deployment.name!r} is an endpoint, so it has no fire times."
        )
    upcoming = [at]
    while len(upcoming) < count:
        upcoming.append(schedule.cron.next_after(upcoming[-1]))
    offset = schedule.offset_for(deployment.id)
    return Answer(
        {
            "schedule": schedule.cron.expression,
            "human_readable_schedule": schedule.cron.description,
            "timezone": schedule.cron.timezone,
            "is_enabled": deployment.is_enabled,
            "offset_s": offset.total_seconds(),
            "fire_times": [timestamp(fire_at) for fire_at in upcoming],
        }
    )


async def list_ledger(exchange: Exchange) -> Answer:
    """Show what became of a deployment's fire times, newest first, page by page.

    Takes ``from`` and ``to`` (times in ISO 8601), ``fate``, ``limit`` and ``cursor``;
    ``with_status`` adds the present status of each execution.
    """
    query = exchange.request.query_params
    limit = exchange.integer("limit", 100, at_least=1, at_most=MAX_PAGE)
    lookups, scope = exchange.services.lookups, exchange.scope
    since, before = _period(query)
    if cursor := instant(query.get("cursor"), "cursor"):
        before = cursor if before is None else min(cursor, before)
    found = await lookups.ledger(
        scope,
        exchange.name(),
        limit=limit + 1,
        before=before,
        since=since,
        fate=_fate(query.get("fate")),
    )
    page = found[:limit]
    # Rows never change, so what does change comes only if it is asked for.
    statuses = None
    if exchange.flag("with_status"):
        ids = [row.execution_id for row in page if row.execution_id is not None]
        statuses = await lookups.statuses(scope, ids)
    return Answer(
        {
            "items": [ledger_item(row, statuses) for row in page],
            "next_cursor": timestamp(page[-1].fire_at) if len(found) > limit else None,
        }
    )


async def verify_ledger(exchange: Exchange) -> Answer:
    """Prove from the ledger that no fire time is missing or doubled.

    Takes ``deployment_name``, ``from`` and ``to``.
    """
    query = exchange.request.query_params
    since, until = _period(query)
    verified = await exchange.services.lookups.verification(
        exchange.scope,
        query.get("deployment_name"),
        since and since - INSTANT,
        until and until - INSTANT,
    )
    return Answer(
        {
            "is_proven": all(found.is_proven for _, _, found in verified),
            "deployments": [verification_body(*item) for item in verified],
        }
    )


def _period(query: QueryParams) -> tuple[datetime | None, datetime | None]:
    """Return the first instant that counts and the first that does not; None for no bound."""
    since, until = instant(query.get("from"), "from"), instant(query.get("to"), "to")
    if since is not None and until is not None and since >= until:
        raise InvalidRequest(f"from must be before to, but {since} is not before {until}.")
    return since, until


def _fate(text: str | None) -> Fate | None:
    if text is None:
        return None
    try:
        return Fate(text)
    except ValueError:
        fates = ", ".join(repr(fate.value) for fate in Fate)
        raise InvalidRequest(f"fate must be one of {fates}, not {text!r:.80}.") from None
