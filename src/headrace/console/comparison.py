"""The page that shows executions side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from headrace.console import routes
from headrace.console.navigation import EXECUTIONS, address_of
from headrace.console.rendering import page
from headrace.core.comparisons import MAX_COMPARED, ComparedColumn, Comparison
from headrace.core.executions import Execution
from headrace.web.comparing import columns_asked_for, comparison_asked_for
from headrace.web.exchange import Exchange
from headrace.wire.routes import COMPARE_EXECUTIONS

POINTS = 500
"""So many positions of a list metric are drawn at most, fewer of many executions."""

MOST_POINTS = 5000

ALWAYS = ("version", "took_s")
"""Columns that are shown although they may be the same."""


@dataclass(frozen=True, slots=True)
class Lines:
    """A list metric of several executions, to be drawn.

    Attributes:
        name: Name of the metric.
        rows: A position, and the value of each execution there; None after the end of its list.
        length: How many values the longest list has.
    """

    name: str
    rows: Sequence[tuple[int, Sequence[float | None]]]
    length: int


async def comparison(exchange: Exchange) -> Response:
    """Show executions side by side, with what differs marked."""
    query = exchange.request.query_params
    found = await comparison_asked_for(exchange, query)
    asked = [name for name in query.getlist("column") if name]
    columns = columns_asked_for(found, asked or _telling(found))
    ids = [("id", one.id) for one in found.executions]
    chosen = [("column", column.name) for column in columns]
    plot = query.get("plot") or next(iter(found.lists), "")
    return page(
        exchange.request,
        "compare.html",
        title="Compare executions",
        section=EXECUTIONS.name,
        ids=[one.id for one in found.executions],
        rows=[_row(found, columns, at) for at in range(len(found.executions))],
        columns=columns,
        all_columns=found.columns,
        shown={column.name for column in columns},
        most=MAX_COMPARED,
        plots=[
            (name, address_of(routes.COMPARE.path, [*ids, *chosen, ("plot", name)]), name == plot)
            for name in found.lists
        ],
        lines=_lines(plot, found.lists[plot]) if plot in found.lists else None,
        csv=address_of(COMPARE_EXECUTIONS.url(), [*ids, *chosen, ("download", "true")]),
        as_json=address_of(COMPARE_EXECUTIONS.url(), ids),
        everything=address_of(
            routes.COMPARE.path, [*ids, *(("column", one.name) for one in found.columns)]
        ),
    )


def _telling(found: Comparison) -> list[str]:
    """Return the columns that tell executions apart, and those that are always shown."""
    return [column.name for column in found.columns if column.differs or column.name in ALWAYS]


def _row(
    found: Comparison, columns: Sequence[ComparedColumn], at: int
) -> tuple[Execution, list[tuple[object, bool]]]:
    """Return an execution with its values, and whether each is another one than the first's."""
    return found.executions[at], [
        (column.values[at], column.differs and column.values[at] != column.values[0])
        for column in columns
    ]


def _lines(name: str, lists: Sequence[Sequence[float]]) -> Lines:
    length = max((len(values) for values in lists), default=0)
    most = max(2, min(POINTS, MOST_POINTS // max(1, len(lists))))
    step = max(1, -(-length // most))
    rows = [
        (at, [values[at] if at < len(values) else None for values in lists])
        for at in range(0, length, step)
    ]
    return Lines(name, rows, length)
