"""The route that compares executions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from starlette.responses import Response

from headrace.core.comparisons import ComparedColumn, Comparison, shown_value
from headrace.web.comparing import columns_asked_for, comparison_asked_for
from headrace.web.exchange import Exchange
from headrace.web.tables import csv_response
from headrace.wire.answers import Answer


async def compare_executions(exchange: Exchange) -> Answer | Response:
    """Compare executions: each ``id`` is one of them, at most 50.

    ``column`` (several times) chooses what is compared; ``download`` asks for CSV, with a row for
    each execution.
    """
    query = exchange.request.query_params
    comparison = await comparison_asked_for(exchange, query)
    columns = columns_asked_for(comparison, query.getlist("column"))
    if exchange.flag("download"):
        return csv_response(_table(comparison, columns), "executions.csv")
    return Answer(
        {
            "execution_ids": [one.id for one in comparison.executions],
            "columns": [
                {
                    "name": column.name,
                    "differs": column.differs,
                    "values": [shown_value(value) for value in column.values],
                }
                for column in columns
            ],
        }
    )


def _table(comparison: Comparison, columns: Sequence[ComparedColumn]) -> Iterator[Sequence[object]]:
    yield ["execution_id", *(column.name for column in columns)]
    for at, one in enumerate(comparison.executions):
        yield [one.id, *(shown_value(column.values[at]) for column in columns)]
