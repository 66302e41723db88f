"""A version that breaks a deployment or a recorded caller is refused, with the example."""

from __future__ import annotations

import pytest
from tests.conftest import wait_until
from tests.versions.conftest import Loop, X, Y

from headrace import BreakingChange, HeadraceSdk, Input, InputSource, Output, OutputDestination

TEXT = [Input("x", "string")]
LENGTH = "def main(x):\n    return {'y': len(x)}\n"


def test_a_recorded_caller_is_the_example(loop: Loop, sdk: HeadraceSdk) -> None:
    loop.deploy(1)
    call = loop.endpoint()
    loop.deploy(2, [Input("x", "number", "said better")])  # Nobody has called yet.
    execution_id = call(x=41).headers["Craft-Ai-Execution-Id"]
    with pytest.raises(BreakingChange) as refused:
        loop.deploy(LENGTH, TEXT)
    message = refused.value.message
    assert f"deployment {call.__name__!r}: input 'x' must be of type string" in message
    assert f"(execution {execution_id} sent 41)" in message
    assert "pipeline_version" in message
    assert "force" in message
    (broken,) = refused.value.details["breaks"]
    assert (broken["execution_id"], broken["value"], broken["input"]) == (execution_id, "41", "x")
    assert sdk.check_pipeline_version(loop.name, TEXT, [Y]) == [broken]
    assert loop.versions() == [(1, "ready", False), (2, "ready", True)]
    assert loop.deploy(LENGTH, TEXT, force=True)["version"] == 3
    assert call(x="abc").json()["outputs"] == {"y": 3}
    # The caller of before is broken both ways: going back is refused, and can be forced.
    with pytest.raises(BreakingChange, match='sent "abc"'):
        sdk.rollback_pipeline(loop.name)
    sdk.rollback_pipeline(loop.name, force=True)
    assert call(x=1).json()["outputs"] == {"y": 3}


def test_what_callers_get_may_not_go(loop: Loop, sdk: HeadraceSdk) -> None:
    loop.deploy(1)
    loop.endpoint()
    with pytest.raises(BreakingChange, match="output 'y' is gone, but callers get it"):
        loop.deploy("def main(x):\n    return {'z': x}\n", outputs=[Output("z", "number")])
    loop.deploy("def main(x):\n    return {'y': 1, 'z': x}\n", outputs=[Y, Output("z", "number")])
    assert sdk.check_pipeline_version(loop.name, [X], [Y])[0]["output"] == "z"


def test_a_schedule_keeps_its_inputs(loop: Loop, sdk: HeadraceSdk) -> None:
    loop.deploy(1)
    name = f"{loop.name}-timed"
    sdk.create_deployment(
        loop.name,
        name,
        "periodic",
        schedule="0 3 1 1 *",
        inputs_mapping=[InputSource("x", constant_value=5)],
        outputs_mapping=[OutputDestination("y", is_null=True)],
    )
    z, source = Input("z", "number", None, True), "def main(x, z=7):\n    return {'y': x + z}\n"
    with pytest.raises(BreakingChange, match="input 'z' is required and has no source"):
        loop.deploy(source, [X, z])
    # One that need not be given is left to the function.
    loop.deploy(source, [X, Input("z", "number")])
    execution_id = sdk.trigger_endpoint(name, wait_for_completion=False)["execution_id"]
    outputs = sdk.retrieve_pipeline_execution_outputs(execution_id)
    assert outputs["outputs"] == {"y": None}  # It goes nowhere.
    assert sdk.get_pipeline_execution(execution_id)["status"] == "Succeeded"


def test_what_comes_while_a_version_is_built_is_asked_too(loop: Loop, sdk: HeadraceSdk) -> None:
    loop.deploy(1)
    go = loop.folder.parent / "go"
    slow = f"import pathlib, time\nwhile not pathlib.Path({str(go)!r}).exists():\n"
    loop.deploy(slow + f"    time.sleep(0.01)\n\n{LENGTH}", TEXT, wait_for_completion=False)
    call = loop.endpoint()
    assert call(x=1).json()["outputs"] == {"y": 2}
    go.touch()
    found = sdk.get_pipeline_version(loop.name, 2, wait_for_completion=True)
    assert (found["status"], found["is_current"]) == ("ready", False)
    assert f"would break deployment {call.__name__!r}" in found["failure"]
    assert call(x=1).json()["outputs"] == {"y": 2}
    wait_until(lambda: loop.versions() == [(1, "ready", True), (2, "ready", False)])
