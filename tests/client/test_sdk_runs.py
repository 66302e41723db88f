"""Running pipelines with the SDK, against a real server."""

from __future__ import annotations

import gzip
import io
import os
import threading
import time

import pytest

from headrace import (
    EXECUTION_STATUS,
    Conflict,
    HeadraceSdk,
    InputSource,
    InvalidMapping,
    InvalidValue,
    NotFound,
    OutputDestination,
    PipelineExecutionFailed,
)

pytestmark = pytest.mark.system


def test_a_pipeline_without_inputs_and_outputs_runs(sdk, pipeline):
    found = sdk.run_pipeline(pipeline_name=pipeline("nothing"))
    assert found.keys() == {"execution_id", "outputs"}
    assert found["outputs"] == {}


def test_inputs_go_in_and_outputs_come_out(sdk, pipeline):
    inputs_values = {"number1": 9, "number2": 6}
    output_values = sdk.run_pipeline(pipeline_name=pipeline("add"), inputs=inputs_values)
    assert output_values["outputs"] == {"number3": 15}


def test_mappings_are_constants_variables_and_null(sdk, pipeline):
    sdk.create_or_update_environment_variable(
        environment_variable_name="RECETTE_VAR_ENV_INPUT1", environment_variable_value=6
    )
    try:
        found = sdk.run_pipeline(
            pipeline("add"),
            inputs_mapping=[
                InputSource(
                    step_input_name="number1", environment_variable_name="RECETTE_VAR_ENV_INPUT1"
                ),
                InputSource(pipeline_input_name="number2", constant_value=3),
            ],
        )
        assert found["outputs"] == {"number3": 9}
        dropped = sdk.run_pipeline(
            pipeline("add"),
            {"number1": 1, "number2": 2},
            outputs_mapping=[OutputDestination(step_output_name="number3", is_null=True)],
        )
        assert dropped["outputs"] == {"number3": None}
    finally:
        sdk.delete_environment_variable("RECETTE_VAR_ENV_INPUT1")


def test_json_keeps_its_types_on_the_way_in_and_out(sdk, pipeline):
    value = {"a": [1, "1", None, True, 1.5, "é"], "b": {}}
    assert sdk.run_pipeline(pipeline("same"), {"value": value})["outputs"] == {"value": value}
    assert sdk.run_pipeline(pipeline("same"))["outputs"] == {"value": {"a": [1, "1"]}}


def sources_of(path):
    """Return each way in which a user can give the file at ``path``."""
    packed = path.with_suffix(".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    half_read = io.BytesIO(path.read_bytes())
    half_read.read(2)
    reader, writer = os.pipe()

    def feed():
        with os.fdopen(writer, "wb") as pipe:
            pipe.write(path.read_bytes())

    threading.Thread(target=feed).start()
    return {
        "a path": str(path),
        "a path object": path,
        "bytes": path.read_bytes(),
        "an open file": path.open("rb"),
        "a buffer, from its beginning": half_read,
        "a compressed file": gzip.open(packed),
        "a pipe": os.fdopen(reader, "rb"),
    }


def test_a_file_is_given_in_any_way_and_returned_as_bytes(sdk, pipeline, tmp_path):
    path = tmp_path / "source.bin"
    path.write_bytes(bytes(range(256)) * 1000)
    for way, source in sources_of(path).items():
        found = sdk.run_pipeline(pipeline("double"), {"source": source})
        assert found["outputs"]["result"] == path.read_bytes() * 2, way
        if hasattr(source, "close"):
            source.close()


def test_a_file_output_is_saved_under_its_name(sdk, pipeline, tmp_path):
    found = sdk.run_pipeline(pipeline("double"), {"source": b"ab", "times": 3})
    saved = sdk.save_pipeline_execution_output(found["execution_id"], "result", tmp_path)
    assert saved == tmp_path / "result.bin"
    assert [child.read_bytes() for child in tmp_path.iterdir()] == [b"ababab"]


@pytest.mark.parametrize(
    ("function", "inputs", "words"),
    [
        ("add", {"number1": "nine"}, "'number1' must be of type number"),
        ("add", {"number4": 1}, "no input 'number4'"),
        ("double", {}, "'source' is required"),
        ("double", {"source": "missing.bin"}, "'missing.bin' cannot be read"),
        ("add", {"number1": float("nan")}, "cannot be sent as JSON"),
    ],
)
def test_an_input_that_cannot_be_used_is_refused_before_anything_runs(
    sdk, pipeline, function, inputs, words
):
    name = pipeline(function)
    before = sdk.list_pipeline_executions(name)
    with pytest.raises(InvalidValue, match=words):
        sdk.run_pipeline(name, inputs)
    assert sdk.list_pipeline_executions(name) == before


def test_a_mapping_that_a_run_does_not_have_is_refused(sdk, pipeline):
    endpoint = InputSource("number1", endpoint_input_name="a")
    with pytest.raises(InvalidMapping, match="a run does not have"):
        sdk.run_pipeline(pipeline("add"), inputs_mapping=[endpoint])


def test_a_failed_run_raises_what_user_code_raised(sdk, pipeline):
    with pytest.raises(PipelineExecutionFailed, match="ValueError: too bad") as caught:
        sdk.run_pipeline(pipeline("fail"), {"reason": "too bad"})
    execution = sdk.get_pipeline_execution(caught.value.details["execution_id"])
    assert execution["status"] == EXECUTION_STATUS.FAILED
    with pytest.raises(PipelineExecutionFailed, match="too bad"):
        sdk.retrieve_pipeline_execution_outputs(execution["execution_id"])


def test_an_execution_shows_its_inputs_and_outputs_under_both_names(sdk, pipeline):
    found = sdk.run_pipeline(
        pipeline("double"),
        {"source": b"ab"},
        inputs_mapping=[InputSource("times", constant_value=1)],
    )
    execution = sdk.get_pipeline_execution(found["execution_id"])
    assert execution["pipeline_name"] == pipeline("double")
    assert execution["status"] == "Succeeded"
    assert execution["inputs"] == [
        {
            "pipeline_input_name": "source",
            "step_input_name": "source",
            "data_type": "file",
            "source": "run",
            "value": b"ab",
        },
        {
            "pipeline_input_name": "times",
            "step_input_name": "times",
            "data_type": "number",
            "constant_value": 1,
            "source": "constant",
            "value": 1,
        },
    ]
    assert execution["outputs"][0] == {
        "pipeline_output_name": "result",
        "step_output_name": "result",
        "data_type": "file",
        "destination": "run",
        "value": b"ab",
    }
    without = sdk.get_pipeline_execution(found["execution_id"], include_files=False)
    assert [item["value"] for item in without["inputs"]] == [None, 1]


def test_one_input_or_output_can_be_had_alone(sdk, pipeline):
    found = sdk.run_pipeline(pipeline("double"), {"source": b"ab"})
    execution_id = found["execution_id"]
    assert sdk.get_pipeline_execution_input(execution_id, "source") == b"ab"
    assert sdk.get_pipeline_execution_input(execution_id, "times") == 2
    assert sdk.get_pipeline_execution_output(execution_id, "result") == b"abab"
    with pytest.raises(NotFound, match="has no output 'other'"):
        sdk.get_pipeline_execution_output(execution_id, "other")


def test_executions_are_listed_page_by_page_newest_first(sdk, pipeline):
    name = pipeline("nothing")
    ids = [sdk.run_pipeline(name)["execution_id"] for _ in range(3)][::-1]
    assert [e["execution_id"] for e in sdk.list_pipeline_executions(name)][:3] == ids
    first = sdk.list_executions(limit=2, pipeline_name=name, status=EXECUTION_STATUS.SUCCEEDED)
    assert [e["execution_id"] for e in first["items"]] == ids[:2]
    second = sdk.list_executions(limit=1, cursor=first["next_cursor"], pipeline_name=name)
    assert second["items"][0]["execution_id"] == ids[2]
    assert sdk.get_pipeline(name)["creation_info"]["last_execution_id"] == ids[0]


def test_a_log_is_followed_while_it_is_written(sdk, pipeline):
    started = sdk.run_pipeline(pipeline("wait"), {"seconds": 2}, wait_for_completion=False)
    assert started.keys() == {"execution_id"}
    seen = []
    for line in sdk.iter_execution_logs(started["execution_id"], follow=True):
        status = sdk.get_pipeline_execution(started["execution_id"])["status"]
        seen.append((line["message"], line["stream"], status))
    assert seen[0] == ("waiting", "stdout", "Running")
    assert [message for message, _, _ in seen] == ["waiting", "waited"]
    lines = sdk.get_pipeline_execution_logs(started["execution_id"])
    assert list(sdk.iter_execution_logs(started["execution_id"])) == lines
    assert sdk.get_pipeline_execution_logs(started["execution_id"], limit=1) == lines[:1]


def test_a_running_execution_can_be_cancelled_once(sdk, pipeline):
    started = sdk.run_pipeline(pipeline("wait"), {"seconds": 60}, wait_for_completion=False)
    execution_id = started["execution_id"]
    next(iter(sdk.iter_execution_logs(execution_id, follow=True)))
    assert sdk.cancel_pipeline_execution(execution_id)["status"] == "Failed"
    with pytest.raises(Conflict, match="ended already"):
        sdk.cancel_pipeline_execution(execution_id)
    with pytest.raises(PipelineExecutionFailed, match="cancelled"):
        sdk.retrieve_pipeline_execution_outputs(execution_id)


def test_a_deleted_execution_is_gone(sdk, pipeline):
    execution_id = sdk.run_pipeline(pipeline("nothing"))["execution_id"]
    assert sdk.delete_pipeline_execution(execution_id) == {"execution_id": execution_id}
    with pytest.raises(NotFound):
        sdk.get_pipeline_execution(execution_id)


def test_a_wait_goes_on_when_the_server_says_again(server, pipeline):
    """The server holds a question for 25 s at most, then answers 307."""
    with HeadraceSdk(server.token, server.url) as sdk:
        begin = time.monotonic()
        found = sdk.run_pipeline(pipeline("wait"), {"seconds": 26})
        assert found["outputs"] == {"waited": 26}
        assert time.monotonic() - begin >= 26
