"""Comparisons: executions side by side, what went into them, what came out, how they went."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from headrace.core.absence import ABSENT, Absent
from headrace.core.executions import Execution
from headrace.core.metrics import Metric
from headrace.core.values import FileValue

MAX_COMPARED = 50
"""So many executions are compared at most."""


@dataclass(frozen=True, slots=True)
class ComparedColumn:
    """One thing that is known of each of several executions.

    Attributes:
        name: Such as ``took_s``, ``input.seed`` or ``metric.accuracy``.
        values: The value of each execution, in their order; None where there is none.
        differs: Whether they are not all the same; never of what is another one in each execution,
            such as a time.
    """

    name: str
    values: Sequence[Any]
    differs: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Executions side by side.

    Attributes:
        executions: The executions, in the order in which they were named.
        columns: What is known of them: facts, inputs, outputs, metrics, the ends of list metrics.
        lists: By name of a list metric, its values in each execution; empty where there are none.
    """

    executions: Sequence[Execution]
    columns: Sequence[ComparedColumn]
    lists: Mapping[str, Sequence[Sequence[float]]]


def seconds_queued(execution: Execution) -> float | None:
    """Return how long an execution waited, or None if it has not started."""
    return _seconds(execution.created_at, execution.started_at)


def seconds_at_work(execution: Execution) -> float | None:
    """Return how long an execution took, or None if it has not ended."""
    return _seconds(execution.started_at, execution.ended_at)


_FACTS: Mapping[str, Callable[[Execution], Any]] = {
    "status": lambda one: one.status.value,
    "pipeline_name": lambda one: one.pipeline_name,
    "deployment_name": lambda one: one.deployment_name,
    "version": lambda one: one.pipeline_version,
    "created_by": lambda one: one.created_by,
    "attempt": lambda one: one.attempt,
    "rerun_of": lambda one: one.rerun_of,
    "failure": lambda one: one.failure and one.failure.message,
}
_MEASURES: Mapping[str, Callable[[Execution], Any]] = {
    "created_at": lambda one: one.created_at,
    "queued_s": seconds_queued,
    "took_s": seconds_at_work,
}


def compare(
    executions: Sequence[Execution],
    metrics: Sequence[Sequence[Metric]],
    lists: Sequence[Sequence[Metric]],
) -> Comparison:
    """Return executions side by side.

    Args:
        executions: The executions with their inputs and outputs.
        metrics: The single metrics of each.
        lists: The list metrics of each.
    """
    values = [{one.name: one.values for one in some} for some in lists]
    parts = (
        ("input", [{one.name: one.value for one in each.inputs} for each in executions]),
        ("output", [{one.name: one.value for one in each.outputs} for each in executions]),
        ("metric", [{one.name: one.values[0] for one in some} for some in metrics]),
        ("last", [{name: found[-1] for name, found in some.items() if found} for some in values]),
    )
    columns = [_fact(name, [read(one) for one in executions]) for name, read in _FACTS.items()]
    columns += [
        ComparedColumn(name, [read(one) for one in executions], differs=False)
        for name, read in _MEASURES.items()
    ]
    for kind, found in parts:
        columns += [_part(kind, name, found) for name in _names(found)]
    return Comparison(
        executions,
        columns,
        {name: [some.get(name, ()) for some in values] for name in _names(values)},
    )


def shown_value(value: Any) -> Any:
    """Return a value as JSON has it: a time as text, a file as its name."""
    if isinstance(value, datetime):
        return value.isoformat(timespec="milliseconds")
    return value.filename if isinstance(value, FileValue) else value


def _fact(name: str, values: Sequence[Any]) -> ComparedColumn:
    return ComparedColumn(name, values, any(value != values[0] for value in values))


def _part(kind: str, name: str, found: Sequence[Mapping[str, Any]]) -> ComparedColumn:
    # What is not there is another thing than null.
    values = [some.get(name, ABSENT) for some in found]
    shown = [None if isinstance(value, Absent) else value for value in values]
    return ComparedColumn(f"{kind}.{name}", shown, len({_key(value) for value in values}) > 1)


def _names(found: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(name for some in found for name in some))


def _key(value: Any) -> str:
    if isinstance(value, Absent):
        return ""
    if isinstance(value, FileValue):
        return f"{value.filename}\0{value.size}"
    return json.dumps(value, sort_keys=True)


def _seconds(begin: datetime | None, end: datetime | None) -> float | None:
    return None if begin is None or end is None else (end - begin).total_seconds()
