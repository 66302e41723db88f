"""Routes of executions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.responses import Response

from headrace.api.execution_tables import execution_table
from headrace.api.logs import followed_lines, lines_between
from headrace.core.errors import Conflict, InvalidRequest, NotFound, Unavailable
from headrace.core.executions import Execution, InputRecord, OutputRecord
from headrace.core.loglines import NOTE
from headrace.core.values import DataType, FileValue
from headrace.logs.files import last_lines
from headrace.web.attachments import BYTES
from headrace.web.exchange import Exchange
from headrace.web.execution_filters import filter_asked_for, position_asked_for
from headrace.web.execution_logs import log_of
from headrace.web.files import file_response
from headrace.web.form_terms import run_terms
from headrace.web.forms import read_form
from headrace.wire.answers import MAX_HOLD_S, NO_CONTENT, Answer
from headrace.wire.bodies import (
    execution_body,
    execution_item,
    json_value,
    log_item,
    output_item,
)
from headrace.wire.problems import execution_failed
from headrace.wire.routes import EXECUTION_OUTPUTS
from headrace.wire.runs import read_run_form

MAX_PAGE = 1000

MAX_SEARCHED = 200
"""Characters of a text that is looked for in a log."""


async def run_pipeline(exchange: Exchange) -> Answer:
    """Accept a run of a pipeline."""
    services = exchange.services
    # Before the body: what cannot run needs no files.
    pipeline = await services.executions.ready_pipeline(exchange.scope, exchange.name())
    terms = run_terms(pipeline, services.max_upload_bytes, services.max_text_bytes)
    async with read_form(exchange.request, uploads=services.uploads, terms=terms) as form:
        execution_id = await services.executions.run(
            exchange.scope, exchange.name(), read_run_form(form.fields), form.files
        )
    return Answer({"execution_id": execution_id}, 201)


async def list_executions(exchange: Exchange) -> Answer | Response:
    """List executions, newest first, page by page.

    Takes ``pipeline_name``, ``deployment_name``, ``status`` (several times), ``since`` and
    ``until`` (times in ISO 8601), ``version`` (a number, of the pipeline or deployment that is
    named), ``execution_rule``, ``created_by`` (id, name or address of a user), ``text`` (the
    beginning of an id, or what is in the reason of a failure), ``id_prefix``, ``limit``,
    ``cursor`` and ``after``. A page may have fewer than ``limit`` and yet a ``next_cursor``, where
    many had to be looked at. ``download`` asks for CSV of all that fit, from the newest on.
    """
    query = exchange.request.query_params
    if exchange.flag("download"):
        return await execution_table(exchange, await filter_asked_for(exchange, query))
    limit = exchange.integer("limit", 100, at_least=1, at_most=MAX_PAGE)
    before, after = position_asked_for(query)
    wanted = await filter_asked_for(exchange, query)
    page = await exchange.services.lookups.search(
        exchange.scope, wanted, limit=limit, before=before, after=after
    )
    return Answer(
        {
            "items": [execution_item(execution) for execution in page.executions],
            "next_cursor": page.older,
            "previous_cursor": page.newer,
        }
    )


async def count_executions(exchange: Exchange) -> Answer:
    """Count executions by status, each up to a bound.

    Takes what the list takes but ``limit``, ``cursor`` and ``after``. Where ``is_exact`` is false
    there may be more.
    """
    query = exchange.request.query_params
    wanted = await filter_asked_for(exchange, query)
    counts = await exchange.services.lookups.counts(exchange.scope, wanted)
    return Answer(
        {
            "counts": {
                "all" if status is None else status.value: {
                    "count": count.number,
                    "is_exact": count.is_exact,
                }
                for status, count in counts.items()
            }
        }
    )


async def show_execution(exchange: Exchange) -> Answer:
    """Show an execution with its inputs and outputs; on request, held until it ends or a while."""
    hold_s = MAX_HOLD_S if exchange.flag("wait_for_completion") else 0
    services, execution_id = exchange.services, exchange.name("execution_id")
    execution = await services.executions.wait(exchange.scope, execution_id, hold_s)
    rerun = await services.reruns.newest(exchange.scope, execution.id)
    pipeline = await exchange.services.lookups.pipeline_of(exchange.scope, execution)
    hide = "include_io_values" in exchange.request.query_params and not exchange.flag(
        "include_io_values"
    )
    return Answer(execution_body(execution, pipeline, rerun, with_values=not hide))


async def delete_execution(exchange: Exchange) -> Answer:
    """Delete an execution."""
    execution_id = exchange.name("execution_id")
    await exchange.services.executions.delete(exchange.scope, execution_id)
    return Answer({"execution_id": execution_id})


async def cancel_execution(exchange: Exchange) -> Answer:
    """Cancel an execution, and answer once it has ended."""
    scope, execution_id = exchange.scope, exchange.name("execution_id")
    return Answer(execution_item(await exchange.services.executions.cancel(scope, execution_id)))


async def execution_outputs(exchange: Exchange) -> Answer:
    """Return the outputs; while they are waited for, answer 307 now and then (contract, 4.2)."""
    execution_id = exchange.name("execution_id")
    waits = exchange.flag("wait_for_completion", "wait_for_results")
    hold_s = MAX_HOLD_S if waits else 0
    execution = await exchange.services.executions.wait(exchange.scope, execution_id, hold_s)
    if not execution.status.is_terminal:
        if waits:
            path = EXECUTION_OUTPUTS.url(execution_id=execution_id)
            again = f"{exchange.services.public_url}{path}?{exchange.request.url.query}"
            return Answer({"status": execution.status.value}, 307, {"Location": again})
        raise Conflict(
            f"Execution {execution_id} has not ended yet ({execution.status.value}): wait for it "
            "with wait_for_completion=true."
        )
    if execution.failure is not None:
        raise execution_failed(execution, execution.failure)
    body: dict[str, object] = {"outputs": [output_item(record) for record in execution.outputs]}
    notes = await _notes(exchange, execution)
    return Answer(body | {"notes": notes} if notes else body)


async def _notes(exchange: Exchange, execution: Execution) -> list[str]:
    """Return the notes at the end of an execution's log about values that were not kept."""
    try:
        log = await log_of(exchange.services, execution)
    except Unavailable:
        return []  # The outputs are here, and no note changes them.
    return [
        line.message.removeprefix(NOTE)
        for line in await asyncio.to_thread(last_lines, log)
        if line.stream == "stderr" and line.message.startswith(NOTE)
    ]


async def execution_output(exchange: Exchange) -> Answer | Response:
    """Return one output: its bare value, or the bytes of its file; 204 if it has no file."""
    execution = await _execution(exchange)
    return await _value(exchange, "output", execution.outputs)


async def execution_input(exchange: Exchange) -> Answer | Response:
    """Return one input: its bare value, or the bytes of its file; 204 if it has no file."""
    execution = await _execution(exchange)
    return await _value(exchange, "input", execution.inputs)


async def execution_logs(exchange: Exchange) -> Answer:
    """Return the log of an execution, in the array of arrays that the contract has."""
    execution = await _execution(exchange)
    path = await log_of(exchange.services, execution)
    return Answer([await lines_between(exchange, path)])


async def execution_log_lines(exchange: Exchange) -> Answer:
    """Follow the log of an execution."""
    execution = await _execution(exchange)

    async def has_ended() -> bool:
        return (await _execution(exchange)).status.is_terminal

    path = await log_of(exchange.services, execution)
    return await followed_lines(exchange, path, has_ended)


async def execution_log_search(exchange: Exchange) -> Answer:
    """Return the lines of a log that have ``text``, with their numbers, and how many there are.

    Takes ``after`` (the number of a line: only later ones are returned) and ``limit``. Where
    ``is_exact`` is false there may be more.
    """
    text = exchange.request.query_params.get("text", "")
    if not 0 < len(text) <= MAX_SEARCHED:
        raise InvalidRequest(
            f"text must have from 1 to {MAX_SEARCHED} characters, not {len(text):,}."
        )
    after = exchange.integer("after", 0, at_least=0, at_most=1 << 40)
    limit = exchange.integer("limit", 100, at_least=1, at_most=MAX_PAGE)
    logs, execution = exchange.services.logs, await _execution(exchange)
    found = await asyncio.to_thread(
        logs.numbers.search,
        await log_of(exchange.services, execution),
        text,
        after=after,
        limit=limit,
    )
    return Answer(
        {
            "lines": [{"number": one.number, **log_item(one.line)} for one in found.lines],
            "count": found.count,
            "is_exact": found.is_exact,
        }
    )


async def _execution(exchange: Exchange) -> Execution:
    return await exchange.services.executions.get(exchange.scope, exchange.name("execution_id"))


async def _value(
    exchange: Exchange, noun: str, records: Sequence[InputRecord | OutputRecord]
) -> Answer | Response:
    found = {record.name: record for record in records}
    record = found.get(exchange.name())
    if record is None:
        names = ", ".join(found) or f"no {noun}s"
        raise NotFound(f"The execution has no {noun} {exchange.name()!r}; it has {names}.")
    if record.data_type is not DataType.FILE:
        return Answer(json_value(record.value))
    if not isinstance(record.value, FileValue):
        return NO_CONTENT
    return await file_response(exchange.services, record.value, BYTES)
