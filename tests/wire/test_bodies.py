"""Bodies of the contract, word for word."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from headrace.core.destinations import DataStorePath, Nowhere, RunResult
from headrace.core.executions import Execution, InputRecord, OutputRecord, Status
from headrace.core.loglines import LogLine
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.parameters import Input, Output
from headrace.core.pipelines import (
    ContainerConfig,
    Origin,
    Pipeline,
    PipelineStatus,
    PipelineVersion,
)
from headrace.core.sources import (
    Constant,
    DataStoreFile,
    EnvironmentVariable,
    Null,
    RunValue,
)
from headrace.core.values import DataType, FileValue
from headrace.wire.bodies import (
    execution_body,
    execution_item,
    log_item,
    pipeline_body,
    pipeline_item,
    timestamp,
)

AT = datetime(2024, 5, 6, 7, 8, 9, 123_999, tzinfo=UTC)
STAMP = "2024-05-06T07:08:09.123Z"

PIPELINE = Pipeline(
    id="p-1",
    name="train",
    created_at=AT,
    created_by="u-1",
    version=PipelineVersion(
        id="p-1-version",
        number=1,
        function_path="src/main.py",
        function_name="train",
        config=ContainerConfig(
            "python:3.11-slim",
            requirements_path="requirements.txt",
            included_folders=("src",),
            system_dependencies=None,
        ),
        origin=Origin.LOCAL,
        status=PipelineStatus.READY,
        created_at=AT,
        created_by="u-1",
        bundle="b" * 64,
        inputs=(Input("n", "number", "d", default_value=1), Input("f", "file", is_required=True)),
        outputs=(Output("r", "number", "d"),),
        environment="e" * 64,
    ),
)

EXECUTION = Execution(
    id="x-1",
    pipeline_id="p-1",
    pipeline_name="train",
    deployment_name=None,
    status=Status.SUCCEEDED,
    created_at=AT,
    created_by="u-1",
    started_at=AT,
    ended_at=AT,
    inputs=(
        InputRecord("n", DataType.NUMBER, RunValue("n"), 0),
        InputRecord("c", DataType.STRING, Constant(""), ""),
        InputRecord("v", DataType.STRING, EnvironmentVariable("V"), None),
        InputRecord("d", DataType.FILE, DataStoreFile("a/b"), None),
        InputRecord("z", DataType.JSON, Null(), None),
    ),
    outputs=(
        OutputRecord("r", DataType.ARRAY, RunResult("r"), []),
        OutputRecord("f", DataType.FILE, DataStorePath("o/{date}"), FileValue("o/1", "o", 3)),
        OutputRecord("w", DataType.JSON, Nowhere(), None),
    ),
)


def test_a_pipeline() -> None:
    assert pipeline_body(PIPELINE) == {
        "parameters": {
            "pipeline_name": "train",
            "function_path": "src/main.py",
            "function_name": "train",
            "description": None,
            "inputs": [
                {
                    "name": "n",
                    "data_type": "number",
                    "description": "d",
                    "is_required": False,
                    "default_value": 1,
                },
                {
                    "name": "f",
                    "data_type": "file",
                    "description": None,
                    "is_required": True,
                    "default_value": None,
                },
            ],
            "outputs": [{"name": "r", "data_type": "number", "description": "d"}],
            "container_config": {
                "language": "python:3.11-slim",
                "repository_url": None,
                "repository_branch": None,
                "included_folders": ["src"],
                "system_dependencies": None,
                "dockerfile_path": None,
                "requirements_path": "requirements.txt",
            },
        },
        "creation_info": {
            "id": "p-1",
            "created_at": STAMP,
            "created_by": "u-1",
            "commit_id": None,
            "status": "ready",
            "origin": "local",
            "pipeline_template": None,
            "step_name": None,
            "is_archived": False,
            "failure": None,
            "version": 1,
        },
    }
    assert pipeline_item(PIPELINE) == {
        "pipeline_name": "train",
        "created_at": STAMP,
        "status": "ready",
    }


def parameter(noun: str, name: str, data_type: str, kind: str, where: dict[str, Any], value: Any):
    return {
        f"pipeline_{noun}_name": name,
        f"step_{noun}_name": name,
        "data_type": data_type,
        "mapping_type": kind,
        "mapping_value": where,
        "value": value,
    }


ITEM = {
    "execution_id": "x-1",
    "status": "Succeeded",
    "created_at": STAMP,
    "created_by": "u-1",
    "start_date": STAMP,
    "end_date": STAMP,
    "pipeline_name": "train",
    "deployment_name": None,
    "attempt": 1,
    "fire_at": None,
    "version": 1,
    "rerun_of": None,
    "not_before": None,
    "failure": None,
}
STEP = {
    "name": "train",
    "status": "Succeeded",
    "start_date": STAMP,
    "end_date": STAMP,
    "commit_id": None,
    "repository_url": None,
    "repository_branch": None,
    "requirements_path": "requirements.txt",
    "origin": "local",
}


def test_an_execution() -> None:
    """Every item has a mapping_value, and both eras' names; a file's value is fetched apart."""
    assert execution_body(EXECUTION, PIPELINE, with_values=True) == {
        **ITEM,
        "inputs": [
            parameter("input", "n", "number", "run", {"run_input_name": "n"}, 0),
            parameter("input", "c", "string", "constant", {"constant_value": ""}, ""),
            parameter(
                "input",
                "v",
                "string",
                "environment_variable",
                {"environment_variable_name": "V"},
                None,
            ),
            parameter("input", "d", "file", "datastore", {"datastore_path": "a/b"}, None),
            parameter("input", "z", "json", "is_null", {"is_null": True}, None),
        ],
        "outputs": [
            parameter("output", "r", "array", "run", {"run_output_name": "r"}, []),
            parameter("output", "f", "file", "datastore", {"datastore_path": "o/{date}"}, None),
            parameter("output", "w", "json", "is_null", {"is_null": True}, None),
        ],
        "pipeline_version": {
            "version": 1,
            "digest": PIPELINE.version.digest,
            "commit_id": None,
            "requirements_digest": PIPELINE.version.environment,
            "language": PIPELINE.version.config.language,
            "created_by": "u-1",
        },
        "newest_rerun": None,
        "attachments": [],
        "retries": 0,
        "attempts": [],
        "steps": [STEP],
    }


def test_an_execution_without_values_has_all_but_the_values() -> None:
    full = execution_body(EXECUTION, PIPELINE, with_values=True)
    bare = execution_body(EXECUTION, PIPELINE, with_values=False)
    for noun in ("inputs", "outputs"):
        for item in full[noun]:
            del item["value"]
    assert bare == full


@pytest.mark.parametrize("status", Status)
def test_an_item_of_a_list(status: Status) -> None:
    failure = Failure(FailureKind.TIMEOUT, "Too long.")
    execution = replace(EXECUTION, status=status, started_at=None, ended_at=None, failure=failure)
    assert execution_item(execution) == {
        **ITEM,
        "status": status.value,
        "start_date": None,
        "end_date": None,
        "failure": {"kind": "timeout", "message": "Too long."},
    }


def test_times_are_of_utc() -> None:
    assert timestamp(AT.astimezone(timezone(timedelta(hours=14)))) == STAMP
    assert timestamp(None) is None
    assert timestamp(AT.replace(microsecond=0)) == "2024-05-06T07:08:09.000Z"


@pytest.mark.parametrize(
    ("at_us", "said"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1_714_979_289_123_456, "2024-05-06T07:08:09.123456Z"),
        (1_714_979_289_999_999, "2024-05-06T07:08:09.999999Z"),
    ],
)
def test_a_log_line_keeps_its_microseconds(at_us: int, said: str) -> None:
    item = log_item(LogLine(at_us, "stdout", "hello"))
    assert item == {"timestamp": said, "message": "hello", "stream": "stdout"}
