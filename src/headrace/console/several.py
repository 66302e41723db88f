"""Several executions at once: those that were ticked in the list, or all that fit its filter."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from starlette.datastructures import QueryParams

from headrace.console.chosen import Chosen, chosen_by
from headrace.core.clock import now
from headrace.core.errors import InvalidRequest, NotFound
from headrace.core.execution_filters import Count
from headrace.core.executions import Execution, Status
from headrace.web.exchange import Exchange
from headrace.web.execution_filters import NAMES, filter_asked_for

MOST = 1000
"""So many executions are shown and found at a time."""

LOOK_S = 3.0
"""The search for what fits ends after that."""

FIELDS = ("id", "ticked", "status", *NAMES)
"""What a form about several executions says of them."""

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Several:
    """A choice of several executions.

    Attributes:
        ids: Those that were ticked.
        is_ticked: Whether those are meant, and not all that fit.
        chosen: The filter.
    """

    ids: Sequence[str]
    is_ticked: bool
    chosen: Chosen

    @property
    def fields(self) -> list[tuple[str, str]]:
        """The fields with which a form means the same executions, and none that come later."""
        if self.is_ticked:
            return [("ticked", "1"), *(("id", one) for one in self.ids)]
        pairs = self.chosen.query.multi_items()
        if self.chosen.texts["until"]:
            return pairs
        return [*pairs, ("until", now().isoformat(timespec="milliseconds"))]

    def fixed(self) -> Several:
        """Return the same choice without what comes later."""
        return several_by(QueryParams(self.fields))


@dataclass(frozen=True, slots=True)
class Found:
    """The executions that were found of a choice.

    Attributes:
        executions: Those that can be dealt with, at most :data:`MOST`.
        ignored: Id of each that was ticked and cannot, with the reason.
        total: How many fit, those beyond the bound included.
        is_all_seen: Whether all executions were looked at that come before the last one found.
    """

    executions: Sequence[Execution]
    ignored: Sequence[tuple[str, str]]
    total: Count
    is_all_seen: bool = True

    @property
    def has_more(self) -> bool:
        """Whether others may fit."""
        is_more = self.total.number > len(self.executions) or not self.total.is_exact
        return is_more or not self.is_all_seen


def several_by(query: QueryParams) -> Several:
    """Return which executions a query or a form means.

    Raises:
        InvalidRequest: None was ticked, or more than can be dealt with.
    """
    ids = [text for text in dict.fromkeys(query.getlist("id")) if text]
    is_ticked = bool(ids) or "ticked" in query
    if is_ticked and not ids:
        raise InvalidRequest("No execution is ticked: go back to the list, and tick some.")
    if len(ids) > MOST:
        raise InvalidRequest(f"{len(ids):,} executions are ticked; at most {MOST:,} can be.")
    return Several(ids, is_ticked, chosen_by(query))


async def find(
    exchange: Exchange, several: Several, statuses: Sequence[Status], *, to_repeat: bool = False
) -> Found:
    """Return the executions that are meant and have one of some statuses.

    Args:
        exchange: The request.
        several: Which are meant.
        statuses: The statuses.
        to_repeat: Of a filter, only those that nothing repeats yet, and the oldest first.

    Raises:
        NotFound: There is no such pipeline or deployment.
        InvalidRequest: The filter cannot be used.
    """
    if several.is_ticked:
        return await _ticked(exchange, several.ids, statuses)
    wanted = await filter_asked_for(exchange, several.chosen.query)
    fitting = [one for one in statuses if one in (wanted.statuses or statuses)]
    if not fitting:
        return Found((), (), Count(0, is_exact=True))
    wanted = replace(wanted, statuses=tuple(fitting), is_unrepeated=to_repeat)
    lookups, scope, clock = exchange.services.lookups, exchange.scope, asyncio.get_running_loop()
    end = clock.time() + LOOK_S
    found: list[Execution] = []
    before, after = None, "" if to_repeat else None
    while len(found) < MOST:
        limit = min(_PAGE, MOST - len(found))
        page = await lookups.search(scope, wanted, limit=limit, before=before, after=after)
        found += reversed(page.executions) if to_repeat else page.executions
        onward = page.newer if to_repeat else page.older
        if onward is None or clock.time() > end:
            break
        before, after = (None, onward) if to_repeat else (onward, None)
    total = await lookups.count(scope, wanted)
    return Found(found, (), Count(max(total.number, len(found)), total.is_exact), onward is None)


async def _ticked(exchange: Exchange, ids: Sequence[str], statuses: Sequence[Status]) -> Found:
    found: list[Execution] = []
    ignored: list[tuple[str, str]] = []
    known = await exchange.services.lookups.summaries(exchange.scope, ids)
    for one in ids:
        try:
            # One that has just begun may not be on record yet, but has a row once it is asked for.
            execution = known.get(one) or await exchange.services.executions.get(
                exchange.scope, one
            )
        except NotFound as error:
            ignored.append((one, error.message))
            continue
        if execution.status in statuses:
            found.append(execution)
        else:
            ignored.append((one, f"It is {execution.status.value}."))
    return Found(found, ignored, Count(len(found), is_exact=True))
