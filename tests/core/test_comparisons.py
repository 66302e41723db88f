"""Executions side by side."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from headrace.core.absence import ABSENT
from headrace.core.cells import safe_cell
from headrace.core.comparisons import compare
from headrace.core.destinations import RunResult
from headrace.core.executions import Execution, InputRecord, OutputRecord, Status
from headrace.core.metrics import Metric
from headrace.core.sources import RunValue
from headrace.core.values import DataType, FileValue

AT = datetime(2024, 5, 6, tzinfo=UTC)


def execution(number: int, value: Any, **fields: Any) -> Execution:
    return Execution(
        id=f"e{number}",
        pipeline_id="p",
        pipeline_name="one",
        deployment_name=None,
        status=Status.SUCCEEDED,
        created_at=AT + timedelta(hours=number),
        created_by="me",
        started_at=AT + timedelta(hours=number, seconds=1),
        ended_at=AT + timedelta(hours=number, seconds=3.5),
        inputs=(InputRecord("x", DataType.JSON, RunValue("x"), value),),
        **fields,
    )


def metric(name: str, *values: float) -> Metric:
    return Metric(name, "e", "one", None, AT, values)


def differences(*executions: Execution, metrics: Any = None, lists: Any = None) -> dict[str, bool]:
    nothing = [()] * len(executions)
    found = compare(executions, metrics or nothing, lists or nothing)
    return {column.name: column.differs for column in found.columns}


def test_what_is_the_same_does_not_differ_whatever_its_order() -> None:
    found = differences(execution(1, {"a": 1, "b": [None]}), execution(2, {"b": [None], "a": 1}))
    assert not any(found.values())
    assert differences(execution(1, 1), execution(2, True))["input.x"]
    assert differences(execution(1, None), execution(2, "null"))["input.x"]


def test_what_is_not_there_differs_from_null() -> None:
    gone = OutputRecord("y", DataType.JSON, RunResult("y"), None)
    assert differences(execution(1, 1, outputs=(gone,)), execution(2, 1))["output.y"]
    assert not differences(execution(1, 1), execution(2, 1, rerun_of=None))["rerun_of"]


def test_what_was_not_given_is_as_what_is_not_there() -> None:
    found = compare([execution(1, ABSENT), execution(2, None)], [()] * 2, [()] * 2)
    column = next(one for one in found.columns if one.name == "input.x")
    assert (list(column.values), column.differs) == ([None, None], True)
    assert not differences(execution(1, ABSENT), execution(2, ABSENT))["input.x"]


def test_files_differ_by_name_and_size() -> None:
    first, again, other = (FileValue(f"p/{n}", "a.csv", n // 2) for n in (2, 3, 4))
    assert not differences(execution(1, first), execution(2, again))["input.x"]
    assert differences(execution(1, first), execution(2, other))["input.x"]


def test_times_are_told_and_do_not_differ() -> None:
    found = compare([execution(1, 1), execution(2, 1)], [()] * 2, [()] * 2)
    columns = {column.name: column for column in found.columns}
    assert list(columns["queued_s"].values) == [1.0, 1.0]
    assert list(columns["took_s"].values) == [2.5, 2.5]
    assert not columns["created_at"].differs


def test_metrics_and_the_ends_of_lists_are_columns() -> None:
    found = compare(
        [execution(1, 1), execution(2, 1)],
        [(metric("a", 0.5),), ()],
        [(metric("l", 3, 2, 1),), (metric("l", 3, 2),)],
    )
    columns = {column.name: column for column in found.columns}
    assert (list(columns["metric.a"].values), columns["metric.a"].differs) == ([0.5, None], True)
    assert list(columns["last.l"].values) == [1, 2]
    assert found.lists == {"l": [(3, 2, 1), (3, 2)]}


def test_no_cell_is_a_formula() -> None:
    assert [safe_cell(one) for one in ("=1", "+1", "-1", "@a", "\tb", "\rc", "a=1", -1, None)] == [
        "'=1",
        "'+1",
        "'-1",
        "'@a",
        "'\tb",
        "'\rc",
        "a=1",
        -1,
        None,
    ]
