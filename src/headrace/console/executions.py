"""The list of executions, filtered by what stands in its address."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from starlette.responses import Response

from headrace.console import routes
from headrace.console.chosen import Chosen, chosen_by
from headrace.console.navigation import EXECUTIONS
from headrace.console.rendering import page
from headrace.core.clock import now
from headrace.core.errors import HeadraceError, InvalidRequest, NotFound
from headrace.core.execution_filters import Count, ExecutionPage
from headrace.core.executions import Status
from headrace.core.sources import Rule
from headrace.web.exchange import Exchange
from headrace.web.execution_filters import filter_asked_for
from headrace.web.instants import instant
from headrace.wire.problems import status_of
from headrace.wire.routes import EXECUTIONS as LIST

PAGE = 100

_NOTHING = ExecutionPage((), None, None)
_PERIODS = (
    ("last hour", timedelta(hours=1)),
    ("24 hours", timedelta(days=1)),
    ("7 days", timedelta(days=7)),
)


async def executions(exchange: Exchange) -> Response:
    """List executions, newest first."""
    chosen = chosen_by(exchange.request.query_params)
    found = _NOTHING
    counts: Mapping[Status | None, Count] = {}
    error: HeadraceError | None = None
    try:
        found, counts = await _found(exchange, chosen)
    except (InvalidRequest, NotFound) as refusal:
        error = refusal
    return page(
        exchange.request,
        "executions.html",
        title="Executions",
        section=EXECUTIONS.name,
        # A name that is not there is an answer to a search, and no fault of the address.
        status=status_of(error) if isinstance(error, InvalidRequest) else 200,
        chosen=chosen,
        executions=found.executions,
        error=error,
        tabs=_tabs(chosen, counts),
        is_counted_in_part=any(not one.is_exact for one in counts.values()),
        rules=[rule.value for rule in Rule],
        times={name: _field(chosen, name) for name in ("since", "until")},
        periods=_periods(chosen),
        newer=found.newer and chosen.address(EXECUTIONS.path, after=found.newer),
        older=found.older and chosen.address(EXECUTIONS.path, before=found.older),
        newest=chosen.address(EXECUTIONS.path),
        replay_all=chosen.address(routes.REPLAY_PREVIEW.path),
        cancel_all=chosen.address(routes.CANCEL_PREVIEW.path),
        as_csv=chosen.address(LIST.url(), download="true"),
        as_json=chosen.address(LIST.url()),
    )


async def _found(
    exchange: Exchange, chosen: Chosen
) -> tuple[ExecutionPage, Mapping[Status | None, Count]]:
    query, lookups, scope = exchange.request.query_params, exchange.services.lookups, exchange.scope
    wanted = await filter_asked_for(exchange, chosen.query)
    before, after = query.get("before") or None, query.get("after") or None
    if after is not None:
        before = None
    found = await lookups.search(scope, wanted, limit=PAGE, before=before, after=after)
    if after is not None and found.newer is None:
        # The first page is whole, also if fewer than a page were newer.
        found = await lookups.search(scope, wanted, limit=PAGE)
    return found, await lookups.counts(scope, wanted)


def _tabs(
    chosen: Chosen, counts: Mapping[Status | None, Count]
) -> list[tuple[str, str, Count | None, bool]]:
    """Return label, address, count and whether it is shown, of all and of each status."""
    now_shown = list(chosen.statuses)
    return [
        (
            "All" if status is None else status.value,
            chosen.of_status(EXECUTIONS.path, status),
            counts.get(status),
            now_shown == ([] if status is None else [status]),
        )
        for status in (None, *Status)
    ]


def _field(chosen: Chosen, name: str) -> str:
    """Return a time in the form of the field for times; other text stays as it was typed."""
    text = chosen.texts[name]
    try:
        at = instant(text or None, name)
    except HeadraceError:
        return text
    return "" if at is None else at.strftime("%Y-%m-%dT%H:%M")


def _periods(chosen: Chosen) -> list[tuple[str, str]]:
    """Return the periods that a click chooses, which stay the same when the address is shared."""
    return [
        (name, chosen.since(EXECUTIONS.path, (now() - length).strftime("%Y-%m-%dT%H:%MZ")))
        for name, length in _PERIODS
    ]
