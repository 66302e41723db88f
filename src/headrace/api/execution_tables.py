"""The list of executions as a CSV file, made while it is sent."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence

from starlette.responses import Response

from headrace.core.comparisons import seconds_at_work, seconds_queued
from headrace.core.execution_filters import ExecutionFilter, ExecutionPage
from headrace.core.executions import Execution
from headrace.web.exchange import Exchange
from headrace.web.tables import csv_stream
from headrace.wire.bodies import timestamp

PAGE = 500

_COLUMNS: Mapping[str, Callable[[Execution], object]] = {
    "execution_id": lambda one: one.id,
    "status": lambda one: one.status.value,
    "pipeline_name": lambda one: one.pipeline_name,
    "deployment_name": lambda one: one.deployment_name,
    "version": lambda one: one.pipeline_version,
    "created_at": lambda one: timestamp(one.created_at),
    "created_by": lambda one: one.created_by,
    "start_date": lambda one: timestamp(one.started_at),
    "end_date": lambda one: timestamp(one.ended_at),
    "queued_s": seconds_queued,
    "took_s": seconds_at_work,
    "attempt": lambda one: one.attempt,
    "fire_at": lambda one: timestamp(one.fire_at),
    "rerun_of": lambda one: one.rerun_of,
    "failure_kind": lambda one: one.failure and one.failure.kind.value,
    "failure_message": lambda one: one.failure and one.failure.message,
}


async def execution_table(exchange: Exchange, wanted: ExecutionFilter) -> Response:
    """Return the answer that sends all executions that fit, newest first, as CSV."""

    async def page(before: str | None) -> ExecutionPage:
        return await exchange.services.lookups.search(
            exchange.scope, wanted, limit=PAGE, before=before
        )

    # Before the answer begins: what cannot be read at all is refused, and not cut off.
    first = await page(None)

    async def pieces() -> AsyncIterator[Iterable[Sequence[object]]]:
        yield [list(_COLUMNS)]
        found = first
        while True:
            yield [[read(one) for read in _COLUMNS.values()] for one in found.executions]
            if found.older is None:
                return
            found = await page(found.older)

    return csv_stream(pieces(), "executions.csv")
