"""Reruns: where inputs come from and outputs go when a recorded execution is repeated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from headrace.core.absence import ABSENT
from headrace.core.code_choices import read_code
from headrace.core.deployments import Deployment, Mode
from headrace.core.destinations import (
    DataStorePath,
    EndpointResult,
    Nowhere,
    OutputDestination,
    RunResult,
)
from headrace.core.errors import Conflict, InvalidRequest, InvalidValue
from headrace.core.executions import Execution, InputRecord, OutputRecord, Status
from headrace.core.parameters import Input, Output
from headrace.core.pipelines import (
    ContainerConfig,
    Origin,
    Pipeline,
    PipelineStatus,
    PipelineVersion,
)
from headrace.core.reruns import Target, check_target, has_to_wait, repetition
from headrace.core.schedule_requests import ScheduleOptions, ScheduleRequest, read_schedule
from headrace.core.sources import (
    Constant,
    DataStoreFile,
    EndpointValue,
    EnvironmentVariable,
    InputSource,
    Null,
    Rule,
    RunValue,
)
from headrace.core.values import DataType, FileValue, Value

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
VERSION = PipelineVersion(
    "v2",
    2,
    "main.py",
    "f",
    ContainerConfig("python:3.11-slim"),
    Origin.LOCAL,
    "digest",
    AT,
    "u1",
    status=PipelineStatus.READY,
)
FILE = FileValue("executions/e1/inputs/x", "a.csv", 3)


def target(
    inputs: Sequence[Input] = (),
    records: Mapping[str, tuple[InputSource, Value]] | None = None,
    outputs: Sequence[Output] = (),
    destinations: Mapping[str, OutputDestination] | None = None,
    deployment: Deployment | None = None,
    **changes: Any,
) -> Target:
    """The rerun of an ended execution with what is on record, in a version of these parameters."""
    version = replace(VERSION, inputs=tuple(inputs), outputs=tuple(outputs))
    execution = Execution(
        id="e1",
        pipeline_id="p1",
        pipeline_name="p",
        deployment_name=None if deployment is None else deployment.name,
        status=Status.FAILED,
        created_at=AT,
        created_by="u1",
        inputs=tuple(
            InputRecord(name, DataType.JSON, source, value)
            for name, (source, value) in (records or {}).items()
        ),
        outputs=tuple(
            OutputRecord(name, DataType.FILE, destination, None)
            for name, destination in (destinations or {}).items()
        ),
    )
    pipeline = Pipeline("p1", "p", AT, "u1", version)
    return Target(replace(execution, **changes), pipeline, deployment)


def deployment(**changes: Any) -> Deployment:
    made = Deployment(
        "d1",
        "nightly",
        Pipeline("p1", "p", AT, "u1", VERSION),
        Rule.PERIODIC,
        Mode.ELASTIC,
        None,
        (),
        (),
        is_enabled=True,
        created_at=AT,
        created_by="u1",
        updated_at=AT,
        updated_by="u1",
    )
    return replace(made, **changes)


NUMBER, REQUIRED, TEXT = (
    Input("x", "number"),
    Input("x", "number", None, True),
    Input("x", "string"),
)
DEFAULTED, A_FILE = Input("x", "number", default_value=5), Input("x", "file")


@pytest.mark.parametrize(
    ("parameter", "source", "recorded", "value"),
    [
        (NUMBER, RunValue("x"), 3, 3),
        (NUMBER, EndpointValue("amount"), 3, 3),
        (NUMBER, EndpointValue("amount", is_required=False), ABSENT, ABSENT),
        (NUMBER, RunValue("x"), None, None),
        (DEFAULTED, RunValue("x"), None, 5),
        (DEFAULTED, RunValue("x"), ABSENT, 5),
        (NUMBER, Constant(7), 7, 7),
        (NUMBER, Null(), None, None),
        (A_FILE, RunValue("x"), FILE, FILE),
    ],
    ids=str,
)
def test_recorded_values_are_used_again(
    parameter: Input, source: InputSource, recorded: Value, value: Value
) -> None:
    found = repetition(target([parameter], {"x": (source, recorded)}), {}, ())
    assert found.values == {"x": value}
    assert [item.source for item in found.inputs] == [source]
    assert found.notes == ()


@pytest.mark.parametrize(
    "source",
    [RunValue("x"), EndpointValue("amount"), Constant(7), Null(), EnvironmentVariable("V")],
)
def test_what_is_given_takes_the_place_of_any_source(source: InputSource) -> None:
    found = repetition(target([NUMBER], {"x": (source, None)}), {"x": 4}, ())
    assert found.values == {"x": 4}
    assert found.inputs[0].source == RunValue("x")


def test_names_of_endpoints_may_be_crossed() -> None:
    inputs = [Input("a", "number"), Input("b", "number")]
    crossed = {"a": (EndpointValue("b"), 1), "b": (EndpointValue("a"), 2)}
    found = repetition(target(inputs, crossed), {"a": 9}, ())
    assert found.values == {"a": 9, "b": 2}


def test_late_sources_are_read_anew_and_it_is_said() -> None:
    inputs = [Input("x", "string"), Input("y", "file")]
    records = {"x": (EnvironmentVariable("KEY"), None), "y": (DataStoreFile("a/b.csv"), None)}
    found = repetition(target(inputs, records), {}, {"KEY"})
    assert found.values == {}
    assert [item.source for item in found.inputs] == [source for source, _ in records.values()]
    assert [note.split()[1] for note in found.notes] == ["'x'", "'y'"]
    assert "KEY" in found.notes[0]
    assert "a/b.csv" in found.notes[1]


def test_a_variable_that_is_not_set_is_said_where_a_default_holds() -> None:
    found = repetition(target([DEFAULTED], {"x": (EnvironmentVariable("KEY"), None)}), {}, ())
    assert "KEY is not set" in found.notes[0]


def test_a_new_input_is_mapped_as_the_deployment_maps_it() -> None:
    mapped = deployment(sources=(("x", Constant(8)),), destinations=(("o", Nowhere()),))
    found = repetition(target([NUMBER], outputs=[Output("o", "json")], deployment=mapped), {}, ())
    assert found.values == {"x": 8}
    assert [item.destination for item in found.outputs] == [Nowhere()]


def test_what_nothing_maps_is_a_run_s() -> None:
    found = repetition(target([NUMBER], outputs=[Output("o", "json")]), {}, ())
    assert found.values == {"x": ABSENT}
    assert [item.destination for item in found.outputs] == [RunResult("o")]


@pytest.mark.parametrize(
    "gone_source", [Constant(1), Null(), EnvironmentVariable("V"), RunValue("x")], ids=str
)
def test_an_input_that_is_gone_and_had_no_value_of_a_caller_is_left_out(
    gone_source: InputSource,
) -> None:
    found = repetition(target([], {"x": (gone_source, None)}), {}, ())
    assert found.inputs == ()
    assert "left out" in found.notes[0]


@pytest.mark.parametrize(
    ("inputs", "records", "given", "words"),
    [
        ([TEXT], {"x": (RunValue("x"), 3)}, {}, "must be of type string"),
        ([TEXT], {"x": (Constant(3), 3)}, {}, "must be of type string"),
        ([REQUIRED], {}, {}, "is required"),
        ([REQUIRED], {"x": (EnvironmentVariable("KEY"), None)}, {}, "'KEY' is not set"),
        ([A_FILE], {"x": (DataStoreFile("a/gone"), None)}, {}, "no file at 'a/gone' any more"),
        ([A_FILE], {"x": (RunValue("x"), FILE)}, {}, "not kept any more"),
        ([NUMBER], {"x": (RunValue("x"), FILE)}, {}, "not kept any more"),
        ([], {"x": (RunValue("x"), 3)}, {}, "no input 'x', which the execution was given"),
        ([NUMBER], {}, {"y": 1}, "no input 'y' (the inputs are: x)"),
        ([NUMBER], {}, {"x": "one"}, "must be of type number"),
    ],
)
def test_what_cannot_be_repeated_is_refused_in_words(
    inputs: list[Input],
    records: dict[str, tuple[InputSource, Value]],
    given: dict[str, Value],
    words: str,
) -> None:
    with pytest.raises(InvalidValue, match="Execution e1 cannot run again with version 2") as error:
        repetition(target(inputs, records), given, (), gone={"x"} if "any more" in words else ())
    assert words in error.value.message


def test_a_file_is_no_number() -> None:
    with pytest.raises(InvalidValue, match="but a file was sent"):
        repetition(target([NUMBER], {"x": (RunValue("x"), FILE)}), {}, ())


def test_all_problems_are_in_one_message() -> None:
    inputs = [REQUIRED, Input("y", "number", None, True)]
    with pytest.raises(InvalidValue) as error:
        repetition(target(inputs), {"z": 1}, ())
    assert all(f"'{name}'" in error.value.message for name in "xyz")


def test_outputs_go_where_those_of_the_execution_went() -> None:
    found = repetition(
        target(
            outputs=[Output("report", "file"), Output("total", "number"), Output("new", "number")],
            destinations={
                "report": DataStorePath("r/{date}/{date_time}-{execution_id}.csv"),
                "total": EndpointResult("sum"),
            },
        ),
        {},
        (),
    )
    assert [item.destination for item in found.outputs] == [
        DataStorePath("r/20260304/20260304_050607-{execution_id}.csv"),
        EndpointResult("sum"),
        RunResult("new"),
    ]


@pytest.mark.parametrize(
    ("outputs", "words"),
    [([], "no output 'report', which went to 'r/x'"), ([Output("report", "json")], "type file")],
)
def test_what_went_to_the_data_store_is_not_lost(outputs: list[Output], words: str) -> None:
    lossy = target(outputs=outputs, destinations={"report": DataStorePath("r/x")})
    with pytest.raises(InvalidValue, match=words):
        repetition(lossy, {}, ())


def test_what_was_answered_may_be_gone() -> None:
    found = repetition(target(destinations={"total": RunResult("total")}), {}, ())
    assert found.outputs == ()


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (target(status=Status.RUNNING), "has not ended yet"),
        (target(status=Status.PENDING), "has not ended yet"),
        (target(deployment_name="gone"), "was deleted"),
        (target(deployment=deployment(is_enabled=False)), "is disabled"),
    ],
)
def test_what_is_in_the_way_is_said(found: Target, words: str) -> None:
    with pytest.raises(Conflict, match=words):
        check_target(found)


@pytest.mark.parametrize(
    "found", [target(), target(status=Status.SUCCEEDED), target(deployment=deployment())]
)
def test_what_has_ended_can_be_repeated(found: Target) -> None:
    check_target(found)


@pytest.mark.parametrize(
    ("overlap", "waits"),
    [("parallel", False), ("skip", True), ("queue_one", True), ("cancel_running", True)],
)
def test_reruns_of_a_job_that_must_not_overlap_come_one_by_one(overlap: str, waits: bool) -> None:
    schedule = read_schedule(ScheduleRequest("0 3 * * *", ScheduleOptions(overlap=overlap)))
    assert has_to_wait(deployment(schedule=schedule)) is waits


def test_reruns_of_endpoints_and_runs_need_not_wait() -> None:
    assert not has_to_wait(deployment())
    assert not has_to_wait(None)


@pytest.mark.parametrize(
    ("said", "choice"),
    [("current", "current"), ("original", "original"), (3, 3), ("3", 3), ("12", 12)],
)
def test_a_choice_of_code_is_a_word_or_a_number(said: object, choice: object) -> None:
    assert read_code(said) == choice


@pytest.mark.parametrize(
    "said", ["", "newest", "0", 0, -1, True, None, 1.5, "\u0661", "9" * 20, "-1"]
)
def test_other_choices_of_code_are_refused(said: object) -> None:
    with pytest.raises(InvalidRequest, match="code must be"):
        read_code(said)
