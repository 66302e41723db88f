"""The page of an execution: what went in and out, why it failed, its log, its files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from starlette.responses import Response

from headrace.console import words
from headrace.console.drawing import mapping
from headrace.console.forms import read_fields
from headrace.console.logs import view_asked_for
from headrace.console.navigation import EXECUTIONS
from headrace.console.previews import ISOLATED, image_response, preview_of
from headrace.console.rendering import page, see_other
from headrace.core.clock import now
from headrace.core.code_choices import read_code
from headrace.core.errors import HeadraceError, NotFound, Unavailable
from headrace.core.executions import Execution, InputRecord
from headrace.core.loglines import LogLine
from headrace.core.metrics import MetricFilter
from headrace.core.sources import EnvironmentVariable
from headrace.core.values import FileStore, FileValue
from headrace.logs.files import last_lines
from headrace.objects.port import ObjectReader
from headrace.web.attachments import BYTES
from headrace.web.exchange import Exchange
from headrace.web.execution_logs import log_of
from headrace.web.files import file_response
from headrace.wire.codec import decode
from headrace.wire.problems import status_of

METRICS = 200
TRACEBACK = "Traceback (most recent call last):"
_VALUE = "value."
"""Begins the name of the field with the value of an input."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of an execution's time.

    Attributes:
        name: What went on.
        begin: When it began, as a share of the whole time.
        share: How much of the whole time it took.
        took: How long, in words.
        is_code: Whether the user's code ran.
    """

    name: str
    begin: float
    share: float
    took: str
    is_code: bool


async def execution(exchange: Exchange) -> Response:
    """Show an execution."""
    services, scope = exchange.services, exchange.scope
    found = await _found(exchange)
    pipeline = await services.lookups.pipeline_of(scope, found)
    path, log_away = await _log(exchange, found)
    lines = await asyncio.to_thread(last_lines, path)
    metrics, _ = await services.metrics.values(
        scope, MetricFilter(execution_id=found.id), limit=METRICS, skip=0
    )
    return page(
        exchange.request,
        "execution.html",
        title=found.deployment_name or found.pipeline_name,
        section=EXECUTIONS.name,
        found=found,
        who=await services.users.name_of(scope, found.created_by),
        pipeline=pipeline,
        diagram=mapping.of_execution(found, pipeline),
        phases=phases_of(found),
        log=await view_asked_for(exchange, path),
        log_away=log_away,
        traceback=traceback_in(lines) if found.failure else (),
        metrics=metrics,
        rerun=await services.reruns.newest(scope, found.id),
    )


async def _log(exchange: Exchange, found: Execution) -> tuple[Path, str]:
    """Return the log of an execution, and why it cannot be had now; empty if it can."""
    try:
        return await log_of(exchange.services, found), ""
    except Unavailable as error:
        return exchange.services.logs.of_execution(found.id), error.message


async def file(exchange: Exchange) -> Response:
    """Show a file that was an input or an output, or send it."""
    found, side = await _found(exchange), exchange.request.path_params["side"]
    records = found.inputs if side == "inputs" else found.outputs
    name = exchange.request.path_params["name"]
    value = next((one.value for one in records if one.name == name), None)
    if side not in {"inputs", "outputs"} or not isinstance(value, FileValue):
        raise NotFound(f"The execution has no file {name!r:.80} among its {side:.20}.")
    query = exchange.request.query_params
    if "download" in query:
        response = await file_response(exchange.services, value, BYTES)
        if response.status_code == 204:
            raise NotFound(f"The file {value.filename!r} is kept no longer.")
        response.headers["Content-Security-Policy"] = ISOLATED
        return response
    if "image" in query:
        return await image_response(await _opened(exchange, value))
    return page(
        exchange.request,
        "execution-file.html",
        title=value.filename,
        section=EXECUTIONS.name,
        found=found,
        value=value,
        name=name,
        side=side,
        preview=await preview_of(await _opened(exchange, value), value.filename),
    )


async def cancel(exchange: Exchange) -> Response:
    """Cancel an execution, and show how it ended."""
    await read_fields(exchange)
    found = await exchange.services.executions.cancel(exchange.scope, exchange.name("id"))
    return see_other(_url(found.id), said=f"The execution ended: {found.status.value}.")


async def delete(exchange: Exchange) -> Response:
    """Delete an execution."""
    await read_fields(exchange)
    await exchange.services.executions.delete(exchange.scope, exchange.name("id"))
    return see_other(EXECUTIONS.path, said="The execution is deleted, with its log and files.")


async def rerun_form(exchange: Exchange) -> Response:
    """Show the form to run an execution again."""
    return await _rerun(exchange, await _found(exchange), {}, None)


async def rerun(exchange: Exchange) -> Response:
    """Run an execution again, with the values of the form."""
    found = await _found(exchange)
    names = [item.name for item in _editable(found)]
    fields = await read_fields(exchange, "code", *(_VALUE + name for name in names))
    try:
        target = await exchange.services.reruns.target(
            exchange.scope, found.id, read_code(fields["code"])
        )
        values = {
            item.name: decode(fields[_VALUE + item.name], f"Input {item.name!r}")
            for item in _editable(found)
            # What was not touched is what was recorded, the absent ones included.
            if fields[_VALUE + item.name] != text_of(item)
        }
        started = await exchange.services.reruns.run(exchange.scope, target, values, {})
    except HeadraceError as error:
        return await _rerun(exchange, found, fields, error)
    return see_other(_url(started.execution_id), said=" ".join(started.notes))


def phases_of(found: Execution) -> list[Phase]:
    """Return the parts of an execution's time, in their order."""
    end = found.ended_at or now()
    started = found.started_at or end
    whole = max((end - found.created_at).total_seconds(), 1e-6)
    queued = (started - found.created_at).total_seconds()
    ran = (end - started).total_seconds()
    return [
        Phase("queued", 0, queued / whole, words.span(queued), is_code=False),
        Phase("at work", queued / whole, ran / whole, words.span(ran), is_code=True),
    ]


def traceback_in(lines: Sequence[LogLine]) -> Sequence[str]:
    """Return the last traceback of a log."""
    texts = [line.message for line in lines if line.stream == "stderr"]
    begin = max((at for at, text in enumerate(texts) if text == TRACEBACK), default=None)
    return [] if begin is None else texts[begin : begin + 200]


def text_of(item: InputRecord) -> str:
    """Return a recorded value as the form shows it: JSON."""
    return json.dumps(item.value, ensure_ascii=False, default=lambda _: None)


def _editable(found: Execution) -> list[InputRecord]:
    """Return the inputs whose values can be written; a secret is not on record."""
    return [
        item
        for item in found.inputs
        if not isinstance(item.value, FileValue)
        and not isinstance(item.source, EnvironmentVariable)
    ]


async def _rerun(
    exchange: Exchange, found: Execution, typed: dict[str, str], error: HeadraceError | None
) -> Response:
    pipeline = await exchange.services.pipelines.get(exchange.scope, found.pipeline_name)
    return page(
        exchange.request,
        "rerun.html",
        title="Run again",
        section=EXECUTIONS.name,
        status=200 if error is None else status_of(error),
        found=found,
        pipeline=pipeline,
        editable=[
            (item, _VALUE + item.name, typed.get(_VALUE + item.name, text_of(item)))
            for item in _editable(found)
        ],
        code=typed.get("code", "current"),
        error=error,
    )


async def _opened(exchange: Exchange, value: FileValue) -> ObjectReader:
    services = exchange.services
    store = services.data_store if value.store is FileStore.DATA_STORE else services.artifacts
    return await store.open(value.path)


async def _found(exchange: Exchange) -> Execution:
    return await exchange.services.executions.get(exchange.scope, exchange.name("id"))


def _url(execution_id: str) -> str:
    return f"{EXECUTIONS.path}/{execution_id}"
