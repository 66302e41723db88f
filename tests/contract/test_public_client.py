"""The public client, current era, drives pipelines and runs against a real server."""

from __future__ import annotations

import io
import re
import tarfile
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from craft_ai_sdk import CraftAiSdk
from craft_ai_sdk.exceptions import SdkException
from craft_ai_sdk.io import Input, InputSource, Output, OutputDestination

TYPES = ["string", "number", "boolean", "json", "array", "file"]
NAMES = ["text", "number", "flag", "record", "items", "document"]


def unique(stem: str) -> str:
    return f"{stem}-{uuid.uuid4().hex[:8]}"


def create(sdk: Any, folder: Path, function: str, inputs: Any, outputs: Any, **more: Any) -> str:
    name = unique(function)
    sdk.create_pipeline(
        pipeline_name=name,
        function_path="src/main.py",
        function_name=function,
        container_config={"local_folder": str(folder), "included_folders": ["src"]},
        inputs=inputs,
        outputs=outputs,
        **more,
    )
    return name


@pytest.fixture(scope="module")
def add(public_sdk: Any, source_folder: Path) -> str:
    inputs = [Input("number1", "number"), Input("number2", "number", default_value=1.5)]
    return create(public_sdk, source_folder, "add", inputs, [Output("number3", "number")])


@pytest.fixture(scope="module")
def describe(public_sdk: Any, source_folder: Path) -> str:
    inputs = [Input(name, kind) for name, kind in zip(NAMES, TYPES, strict=True)]
    outputs = [Output(name, kind) for name, kind in zip(NAMES, TYPES, strict=True)]
    return create(public_sdk, source_folder, "describe", inputs, outputs)


def test_it_knows_who_it_is(public_sdk: Any) -> None:
    me = public_sdk.who_am_i()
    assert set(me) == {"id", "name", "email"}
    assert public_sdk.get_user(me["id"]) == me


def test_create_returns_the_pipeline_ready(public_sdk: Any, source_folder: Path) -> None:
    name = unique("created")
    inputs = [
        Input("number1", "number", "the first", is_required=True),
        Input("number2", "number", default_value=3),
    ]
    pipeline = public_sdk.create_pipeline(
        pipeline_name=name,
        function_path="src/main.py",
        function_name="add",
        description="adds é",
        container_config={
            "local_folder": str(source_folder),
            "included_folders": ["/"],
            "requirements_path": "requirements.txt",
            "language": "python:3.11-slim",
        },
        inputs=inputs,
        outputs=[Output("number3", "number", "the sum")],
    )
    parameters = pipeline["parameters"]
    assert parameters["description"] == "adds é"
    assert parameters["inputs"] == [
        {
            "name": "number1",
            "data_type": "number",
            "description": "the first",
            "is_required": True,
            "default_value": None,
        },
        {
            "name": "number2",
            "data_type": "number",
            "description": None,
            "is_required": False,
            "default_value": 3,
        },
    ]
    assert parameters["container_config"]["requirements_path"] == "requirements.txt"
    info = pipeline["creation_info"]
    assert (info["status"], info["origin"]) == ("ready", "local")
    assert info["created_by"] == public_sdk.who_am_i()["id"]
    assert info["last_execution_id"] is None
    assert datetime.fromisoformat(info["created_at"]).tzinfo is not None
    listed = {item["pipeline_name"]: item["status"] for item in public_sdk.list_pipelines()}
    assert listed[name] == "ready"


def test_a_run_of_every_type_returns_converted_values(public_sdk: Any, describe: str) -> None:
    result = public_sdk.run_pipeline(
        pipeline_name=describe,
        inputs={
            "text": "grüß",
            "number": 2.5,
            "flag": False,
            "record": {"a": [None, {"b": 1}]},
            "items": [1, "x", None],
            "document": io.BytesIO(b"\x00\xffabc"),
        },
    )
    assert result["outputs"] == {
        "text": "GRÜSS",
        "number": 5.0,
        "flag": True,
        "record": {"given": {"a": [None, {"b": 1}]}, "length": 5},
        "items": [None, "x", 1],
        "document": b"cba\xff\x00",
    }


def test_an_execution_shows_its_inputs_and_outputs(public_sdk: Any, describe: str) -> None:
    inputs = {"text": "a", "document": b"some bytes"}
    run = public_sdk.run_pipeline(pipeline_name=describe, inputs=inputs)
    execution = public_sdk.get_pipeline_execution(run["execution_id"])
    assert execution["status"] == "Succeeded"
    assert execution["pipeline_name"] == describe
    assert execution["deployment_name"] is None
    shown = {item["pipeline_input_name"]: item for item in execution["inputs"]}
    assert shown["text"]["value"] == "a"
    assert shown["text"]["source"] == "run"
    assert shown["number"]["value"] is None
    assert shown["document"]["value"] == b"some bytes"
    results = {item["pipeline_output_name"]: item["value"] for item in execution["outputs"]}
    assert results["document"] == b"setyb emos"
    assert execution["steps"][0]["status"] == "Succeeded"
    one = public_sdk.get_pipeline_execution_output(run["execution_id"], "text")
    assert (one["value"], one["data_type"], one["destination"]) == ("A", "string", "run")
    other = public_sdk.get_pipeline_execution_input(run["execution_id"], "document")
    assert other["value"] == b"some bytes"


def test_defaults_fill_in_and_the_list_is_newest_first(public_sdk: Any, add: str) -> None:
    first = public_sdk.run_pipeline(pipeline_name=add, inputs={"number1": 1})
    second = public_sdk.run_pipeline(pipeline_name=add, inputs={"number1": 1, "number2": 2})
    assert first["outputs"] == {"number3": 2.5}
    assert second["outputs"] == {"number3": 3}
    newest = public_sdk.list_pipeline_executions(add)[:2]
    assert [item["execution_id"] for item in newest] == [
        second["execution_id"],
        first["execution_id"],
    ]
    pipeline = public_sdk.get_pipeline(add)
    assert pipeline["creation_info"]["last_execution_id"] == second["execution_id"]


def test_a_mapping_of_a_run(public_sdk: Any, add: str) -> None:
    result = public_sdk.run_pipeline(
        pipeline_name=add,
        inputs_mapping=[
            InputSource(pipeline_input_name="number1", constant_value=0),
            InputSource(pipeline_input_name="number2", constant_value=4),
        ],
        outputs_mapping=[OutputDestination(pipeline_output_name="number3", is_null=True)],
    )
    assert result["outputs"] == {"number3": None}


def test_a_run_that_is_not_waited_for(public_sdk: Any, source_folder: Path) -> None:
    name = create(public_sdk, source_folder, "sleep", [Input("seconds", "number")], [])
    run = public_sdk.run_pipeline(
        pipeline_name=name, inputs={"seconds": 0.2}, wait_for_completion=False
    )
    assert set(run) == {"execution_id"}
    done = public_sdk.retrieve_pipeline_execution_outputs(run["execution_id"])
    assert done == {"execution_id": run["execution_id"], "outputs": {}}


def test_logs_have_every_line_with_its_time(public_sdk: Any, describe: str) -> None:
    begin = datetime.now(UTC)
    run = public_sdk.run_pipeline(pipeline_name=describe, inputs={"text": "a"})
    logs = public_sdk.get_pipeline_execution_logs(run["execution_id"])
    assert sorted(line["message"] for line in logs) == ["text is a", "trouble ahead"]
    times = [datetime.fromisoformat(line["timestamp"]) for line in logs]
    assert times == sorted(times)
    assert begin - timedelta(seconds=1) < times[0] < datetime.now(UTC) + timedelta(seconds=1)
    limited = public_sdk.get_pipeline_execution_logs(run["execution_id"], limit=1)
    assert len(limited) == 1
    earlier = public_sdk.get_pipeline_execution_logs(
        run["execution_id"], to_datetime=begin - timedelta(seconds=2)
    )
    assert earlier == []


def test_a_failing_function_raises_with_its_own_message(
    public_sdk: Any, source_folder: Path
) -> None:
    name = create(public_sdk, source_folder, "fail", [Input("message", "string")], [])
    with pytest.raises(SdkException) as caught:
        public_sdk.run_pipeline(pipeline_name=name, inputs={"message": "the sky fell"})
    assert caught.value.status_code == 500
    assert "ValueError: the sky fell" in str(caught.value)
    execution_id = caught.value.additional_data["execution_id"]
    execution = public_sdk.get_pipeline_execution(execution_id)
    assert execution["status"] == "Failed"
    messages = [line["message"] for line in public_sdk.get_pipeline_execution_logs(execution_id)]
    assert messages[0] == "before"
    assert messages[-1] == "ValueError: the sky fell"
    assert not any("headrace_harness" in message for message in messages)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"number1": "nine"}, ["number1", "number", '"nine"']),
        ({"number1": True}, ["number1", "number", "true"]),
        ({"number1": 1, "numbr2": 2}, ["numbr2", "number1", "number2"]),
        ({"number1": "a", "number2": []}, ["number1", "number2"]),
        ({"number1": "x" * 70_000}, ["bytes", "60,000"]),
    ],
)
def test_bad_inputs_are_refused_before_anything_runs(
    public_sdk: Any, add: str, inputs: dict[str, Any], words: list[str]
) -> None:
    before = public_sdk.list_pipeline_executions(add)
    with pytest.raises(SdkException) as caught:
        public_sdk.run_pipeline(pipeline_name=add, inputs=inputs)
    assert caught.value.status_code in {400, 413}
    for word in words:
        assert word in str(caught.value)
    assert public_sdk.list_pipeline_executions(add) == before


def test_a_required_input_must_be_given(public_sdk: Any, source_folder: Path) -> None:
    inputs = [Input("number1", "number", is_required=True), Input("number2", "number")]
    name = create(public_sdk, source_folder, "add", inputs, [])
    with pytest.raises(SdkException, match=r"number1.*required"):
        public_sdk.run_pipeline(pipeline_name=name, inputs={"number2": 1})


def test_a_taken_name_is_refused(public_sdk: Any, source_folder: Path, add: str) -> None:
    with pytest.raises(SdkException, match=re.escape(add)) as caught:
        public_sdk.create_pipeline(
            pipeline_name=add,
            function_path="src/main.py",
            function_name="add",
            container_config={"local_folder": str(source_folder)},
        )
    assert caught.value.status_code == 409


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"function_name": "subtract"}, ["subtract", "add"]),
        ({"pipeline_name": "no spaces"}, ["no spaces", "letters"]),
        ({"language": "python:3.7-slim"}, ["3.7", "3.11"]),
        ({"language": "ruby"}, ["ruby", "python:3.11-slim"]),
        ({"system_dependencies": ["no-such-package-at-all"]}, ["no-such-package-at-all"]),
    ],
)
def test_what_cannot_be_built_is_refused_at_once(
    public_sdk: Any, source_folder: Path, change: dict[str, Any], words: list[str]
) -> None:
    config: dict[str, Any] = {"local_folder": str(source_folder), "included_folders": ["src"]}
    arguments: dict[str, Any] = {
        "pipeline_name": unique("refused"),
        "function_path": "src/main.py",
        "function_name": "add",
    }
    for key, value in change.items():
        (arguments if key in arguments else config)[key] = value
    with pytest.raises(SdkException) as caught:
        public_sdk.create_pipeline(container_config=config, **arguments)
    assert caught.value.status_code == 400
    for word in words:
        assert word in str(caught.value)
    names = {item["pipeline_name"] for item in public_sdk.list_pipelines()}
    assert arguments["pipeline_name"] not in names


def test_a_syntax_error_is_shown_with_its_line(public_sdk: Any, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("def f():\n    return {'a': 1\n")
    with pytest.raises(SdkException) as caught:
        public_sdk.create_pipeline(
            pipeline_name=unique("broken"),
            function_path="broken.py",
            function_name="f",
            container_config={"local_folder": str(tmp_path)},
        )
    assert caught.value.status_code == 400
    assert "broken.py" in str(caught.value)
    assert "line 2" in str(caught.value)


def test_a_failed_build_says_the_installers_words_and_can_be_tried_again(
    public_sdk: Any, tmp_path: Path
) -> None:
    name = unique("unbuildable")
    (tmp_path / "f.py").write_text("def f():\n    return {}\n")
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("six==0.0.0.dev999\n")
    arguments: dict[str, Any] = {
        "pipeline_name": name,
        "function_path": "f.py",
        "function_name": "f",
        "container_config": {
            "local_folder": str(tmp_path),
            "requirements_path": "requirements.txt",
        },
    }
    with pytest.raises(SdkException):
        public_sdk.create_pipeline(**arguments)
    assert public_sdk.get_pipeline(name)["creation_info"]["status"] == "creation_failed"
    said = "\n".join(line["message"] for line in public_sdk.get_pipeline_logs(name))
    assert "six==0.0.0.dev999" in said
    with pytest.raises(SdkException, match="could not be built"):
        public_sdk.run_pipeline(pipeline_name=name)
    requirements.write_text("six\n")
    assert public_sdk.create_pipeline(**arguments)["creation_info"]["status"] == "ready"


def test_a_pipeline_is_downloaded_as_it_was_sent(
    public_sdk: Any, describe: str, tmp_path: Path, source_folder: Path
) -> None:
    public_sdk.download_pipeline_local_folder(describe, str(tmp_path))
    with tarfile.open(tmp_path / f"{describe}.tgz") as archive:
        member = archive.extractfile("src/main.py")
        assert member is not None
        assert member.read() == (source_folder / "src" / "main.py").read_bytes()


def test_deleted_things_are_gone(public_sdk: Any, source_folder: Path) -> None:
    name = create(public_sdk, source_folder, "nothing", [], [])
    run = public_sdk.run_pipeline(pipeline_name=name)
    deleted = public_sdk.delete_pipeline_execution(run["execution_id"])
    assert deleted == {"execution_id": run["execution_id"]}
    with pytest.raises(SdkException) as caught:
        public_sdk.get_pipeline_execution(run["execution_id"])
    assert caught.value.status_code == 404
    public_sdk.run_pipeline(pipeline_name=name)
    assert public_sdk.delete_pipeline(name) == {"pipeline": {"name": name}, "deployments": []}
    with pytest.raises(SdkException) as caught:
        public_sdk.get_pipeline(name)
    assert caught.value.status_code == 404


def test_a_wrong_token_is_refused(server: Any) -> None:
    stranger = CraftAiSdk(sdk_token="x.y.z", environment_url=server.url, control_url=server.url)
    with pytest.raises(SdkException) as caught:
        stranger.who_am_i()
    assert caught.value.status_code == 401


def test_user_code_can_use_the_client_without_arguments(
    public_sdk: Any, add: str, tmp_path: Path
) -> None:
    (tmp_path / "inside.py").write_text(
        "from craft_ai_sdk import CraftAiSdk\n"
        "def inside(pipeline):\n"
        "    sdk = CraftAiSdk()\n"
        "    run = sdk.run_pipeline(pipeline_name=pipeline, inputs={'number1': 40, 'number2': 2})\n"
        "    return {'result': run['outputs']['number3'], 'me': sdk.who_am_i()['name']}\n"
    )
    (tmp_path / "requirements.txt").write_text("craft-ai-sdk==0.74.7\n")
    name = unique("inside")
    public_sdk.create_pipeline(
        pipeline_name=name,
        function_path="inside.py",
        function_name="inside",
        container_config={
            "local_folder": str(tmp_path),
            "requirements_path": "requirements.txt",
        },
        inputs=[Input("pipeline", "string")],
        outputs=[Output("result", "number"), Output("me", "string")],
    )
    result = public_sdk.run_pipeline(pipeline_name=name, inputs={"pipeline": add})
    assert result["outputs"] == {"result": 42, "me": public_sdk.who_am_i()["name"]}


def test_a_folder_is_as_large_as_the_contract_says(public_sdk: Any, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text("def nothing():\n    pass\n")
    (tmp_path / "data.bin").write_bytes(bytes(5_000_000))
    with pytest.raises(SdkException, match="at most 5,000,000"):
        public_sdk.create_pipeline(
            pipeline_name="too-large",
            function_path="main.py",
            function_name="nothing",
            container_config={"local_folder": str(tmp_path)},
        )
