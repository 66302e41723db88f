"""Executions that a query names, side by side: the same for programs and for pages."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.datastructures import QueryParams

from headrace.core.comparisons import MAX_COMPARED, ComparedColumn, Comparison, compare
from headrace.core.errors import InvalidRequest
from headrace.core.metrics import MAX_LIST_METRICS, MAX_METRICS, Metric, MetricFilter
from headrace.web.exchange import Exchange


async def comparison_asked_for(exchange: Exchange, query: QueryParams) -> Comparison:
    """Return the executions of a query, each ``id`` one of them.

    Raises:
        NotFound: There is no such execution.
        InvalidRequest: None is named, or too many are, or they have too many values.
    """
    ids = [one for one in dict.fromkeys(query.getlist("id")) if one]
    if not ids:
        raise InvalidRequest("Name the executions to compare: id=…&id=….")
    if len(ids) > MAX_COMPARED:
        raise InvalidRequest(
            f"{len(ids):,} executions are named; at most {MAX_COMPARED} are compared."
        )
    services, scope = exchange.services, exchange.scope
    executions = [await services.executions.get(scope, one) for one in ids]
    metrics: list[Sequence[Metric]] = []
    lists: list[Sequence[Metric]] = []
    for one in executions:
        whose = MetricFilter(execution_id=one.id)
        metrics.append((await services.metrics.values(scope, whose, limit=MAX_METRICS, skip=0))[0])
        lists.append(
            (await services.metrics.lists(scope, whose, limit=MAX_LIST_METRICS, skip=0))[0]
        )
    return compare(executions, metrics, lists)


def columns_asked_for(comparison: Comparison, names: Sequence[str]) -> Sequence[ComparedColumn]:
    """Return the columns of these names, in the order of the comparison; all if none is named.

    Raises:
        InvalidRequest: There is no such column.
    """
    known = {column.name for column in comparison.columns}
    for name in names:
        if name not in known:
            raise InvalidRequest(
                f"These executions have no column {name!r:.80}; they have "
                f"{', '.join(sorted(known))}."
            )
    return [column for column in comparison.columns if not names or column.name in names]
