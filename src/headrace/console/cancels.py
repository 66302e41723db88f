"""The pages that cancel several executions at once, after showing which."""

from __future__ import annotations

from collections import Counter

from starlette.datastructures import QueryParams
from starlette.responses import Response

from headrace.console.at_once import see_progress
from headrace.console.bulk_progress import begun
from headrace.console.bulk_work import BulkWork, Round
from headrace.console.forms import read_pairs
from headrace.console.navigation import EXECUTIONS
from headrace.console.rendering import page
from headrace.console.several import FIELDS, MOST, Found, Several, find, several_by
from headrace.core.errors import Conflict, NotFound
from headrace.core.executions import Status
from headrace.web.exchange import Exchange

UNENDED = (Status.PENDING, Status.RUNNING)


async def preview(exchange: Exchange) -> Response:
    """Show which executions would be cancelled."""
    several = several_by(exchange.request.query_params)
    found = await _found(exchange, several)
    return page(
        exchange.request,
        "cancel-several.html",
        title="Cancel executions",
        section=EXECUTIONS.name,
        several=several,
        found=found,
        counts=Counter(one.status.value for one in found.executions),
        most=MOST,
        back=several.chosen.address(EXECUTIONS.path),
    )


class Cancels:
    """Cancels several executions.

    Args:
        bulk: Where such work goes on.
    """

    def __init__(self, bulk: BulkWork) -> None:
        self._bulk = bulk

    async def cancel(self, exchange: Exchange) -> Response:
        """Begin to cancel executions, and show how far it is."""
        chosen = several_by(QueryParams(await read_pairs(exchange, *FIELDS)))
        several = chosen.fixed()
        executions, scope = exchange.services.executions, exchange.scope

        async def some() -> Round:
            found = await _found(exchange, several)
            # What would start next comes first, so that nothing starts only to be stopped.
            in_order = sorted(found.executions, key=lambda one: one.status is not Status.PENDING)
            todo = [one.id for one in in_order]
            return Round(todo, found.total, left_out=found.ignored, has_more=found.has_more)

        async def end(execution_id: str) -> bool:
            try:
                await executions.cancel(scope, execution_id)
            except (Conflict, NotFound):
                return False
            return True

        back = EXECUTIONS.path if chosen.is_ticked else chosen.chosen.address(EXECUTIONS.path)
        progress = begun("cancel", scope.user.id, back)
        place = exchange.services.progress
        return see_progress(await self._bulk.begin(place, progress, await some(), some, end))


async def _found(exchange: Exchange, several: Several) -> Found:
    return await find(exchange, several, UNENDED)
