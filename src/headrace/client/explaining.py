"""What an SDK adds to the error of an execution: its id, and its traceback."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from headrace.core.errors import HeadraceError, PipelineExecutionFailed

if TYPE_CHECKING:
    from headrace.client.transport import Transport

START = "Traceback (most recent call last):"
LAST_S = 10
SHOWN_LINES = 40
"""How many lines of the end of a traceback are shown."""


@contextmanager
def explained(transport: Transport) -> Iterator[None]:
    """Add the execution's id and traceback to its error."""
    try:
        yield
    except PipelineExecutionFailed as error:
        execution_id = error.details.get("execution_id")
        if isinstance(execution_id, str):
            error.add_note(_note(transport, execution_id))
        raise


def _note(transport: Transport, execution_id: str) -> str:
    from headrace.client.messages import Json, Request  # noqa: PLC0415 - only failures need it
    from headrace.wire import routes  # noqa: PLC0415 - as above

    which = f"Execution {execution_id} failed"
    log = f"sdk.get_pipeline_execution_logs({execution_id!r}) has its log."
    try:
        query = {"include_io_values": "false"}
        found = transport.call(routes.EXECUTION, Request(query=query), execution_id=execution_id)
        # Logs may be long, and a traceback is at their end.
        end = datetime.fromisoformat(found["end_date"]).timestamp()
        body = Json({"from": int((end - LAST_S) * 1000)})
        steps = transport.call(routes.EXECUTION_LOGS, Request(body=body), execution_id=execution_id)
    except (HeadraceError, KeyError, TypeError, ValueError):
        # The error itself matters more than what could be said about it.
        return f"{which}. {log}"
    shown = traceback_of([line["message"] for step in steps for line in step])
    return f"{which}. {log}" if not shown else "\n".join([f"{which}, there:", *shown, log])


def traceback_of(lines: list[str]) -> list[str]:
    """Return the last traceback of a log, chained ones included; at most its last lines."""
    starts = [number for number, line in enumerate(lines) if line.strip() == START]
    if not starts:
        return []
    begin = starts[-1]
    for earlier in reversed(starts[:-1]):
        # Between the parts of one traceback there is a sentence between two empty lines.
        between = lines[earlier:begin]
        if not any(line.startswith(("The above exception", "During handling")) for line in between):
            break
        begin = earlier
    return lines[begin:][-SHOWN_LINES:]
