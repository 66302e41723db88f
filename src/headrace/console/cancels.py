"""The pages that cancel several executions at once, after showing which."""

from __future__ import annotations

from collections import Counter

from starlette.datastructures import QueryParams
from starlette.responses import Response

from headrace.console.forms import read_pairs
from headrace.console.navigation import EXECUTIONS
from headrace.console.rendering import page, see_other
from headrace.console.several import (
    FIELDS,
    MOST,
    Found,
    Outcome,
    Several,
    carry_out,
    find,
    several_by,
)
from headrace.console.words import of_executions
from headrace.core.errors import Conflict, NotFound
from headrace.core.executions import Status
from headrace.web.exchange import Exchange

UNENDED = (Status.PENDING, Status.RUNNING)


async def preview(exchange: Exchange) -> Response:
    """Show which executions would be cancelled."""
    several = several_by(exchange.request.query_params)
    return _shown(exchange, several, await _found(exchange, several), None)


async def cancel(exchange: Exchange) -> Response:
    """Cancel executions, and say what became of each that could not be."""
    several = several_by(QueryParams(await read_pairs(exchange, *FIELDS)))
    found = await _found(exchange, several)
    executions, scope = exchange.services.executions, exchange.scope

    async def end(execution_id: str) -> bool:
        try:
            await executions.cancel(scope, execution_id)
        except (Conflict, NotFound):
            return False
        return True

    # What would start next comes first, so that nothing starts only to be stopped.
    in_order = sorted(found.executions, key=lambda one: one.status is not Status.PENDING)
    outcome = await carry_out([one.id for one in in_order], end)
    if outcome.refused or outcome.left or found.beyond or found.ignored or not found.is_all_seen:
        return _shown(exchange, several, found, outcome)
    ended = f" {len(outcome.ended):,} had ended before." if outcome.ended else ""
    return see_other(
        EXECUTIONS.path if several.is_ticked else several.chosen.address(EXECUTIONS.path),
        said=f"Cancelled {of_executions(len(outcome.done))}.{ended}",
    )


async def _found(exchange: Exchange, several: Several) -> Found:
    return await find(exchange, several, UNENDED)


def _shown(exchange: Exchange, several: Several, found: Found, outcome: Outcome | None) -> Response:
    return page(
        exchange.request,
        "cancel-several.html",
        title="Cancel executions",
        section=EXECUTIONS.name,
        several=several,
        found=found,
        counts=Counter(one.status.value for one in found.executions),
        outcome=outcome,
        most=MOST,
        back=several.chosen.address(EXECUTIONS.path),
    )
