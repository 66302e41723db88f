"""Executions that are run again after the code has changed: which version runs is said and kept."""

from __future__ import annotations

from typing import Any

import pytest
from tests.versions.conftest import Loop, X, Y

from headrace import (
    Conflict,
    HeadraceSdk,
    Input,
    InvalidValue,
    NotFound,
    Output,
    PipelineCreationFailed,
    PipelineExecutionFailed,
)

BROKEN = "def main(x):\n    return {'y': 1 / x}\n"
MENDED = "def main(x):\n    return {'y': 1 / x if x else -1}\n"


def failed_run(loop: Loop, sdk: HeadraceSdk) -> str:
    with pytest.raises(PipelineExecutionFailed) as failure:
        sdk.run_pipeline(loop.name, {"x": 0})
    return str(failure.value.details["execution_id"])


def shown(sdk: HeadraceSdk, execution_id: str) -> tuple[int, str | None, str]:
    found = sdk.get_pipeline_execution(execution_id)
    assert found["pipeline_version"]["version"] == found["version"]
    return found["version"], found["rerun_of"], found["status"]


def test_the_version_is_the_current_one_or_that_which_was_asked_for(
    loop: Loop, sdk: HeadraceSdk
) -> None:
    loop.deploy(BROKEN)
    first = failed_run(loop, sdk)
    loop.deploy(MENDED)
    again = sdk.rerun_execution(first)
    assert (again["outputs"], again["version"], again["original_version"]) == ({"y": -1}, 2, 1)
    assert shown(sdk, again["execution_id"]) == (2, first, "Succeeded")
    for code in ("original", 1):
        with pytest.raises(PipelineExecutionFailed) as failure:
            sdk.rerun_execution(first, code)
        execution_id = failure.value.details["execution_id"]
        assert shown(sdk, execution_id) == (1, first, "Failed")
    loop.deploy(BROKEN)
    assert sdk.rerun_execution(first, 2)["outputs"] == {"y": -1}
    # One by one: a rerun can be repeated as well.
    assert sdk.rerun_execution(again["execution_id"], "original")["version"] == 2


@pytest.mark.parametrize("mode", ["elastic", "low_latency"])
def test_a_deployment_reruns_with_the_version_that_it_has(
    loop: Loop, sdk: HeadraceSdk, mode: str
) -> None:
    loop.deploy(BROKEN)
    call = loop.endpoint(mode=mode)
    name = call.__name__
    call(x=0)
    first = sdk.list_executions(1, deployment_name=name)["items"][0]["execution_id"]
    loop.deploy(MENDED)
    again = sdk.rerun_execution(first)
    assert (again["version"], again["deployment_name"], again["outputs"]) == (2, name, {"y": -1})
    sdk.update_deployment(name, pipeline_version=1)
    with pytest.raises(PipelineExecutionFailed) as failure:
        sdk.rerun_execution(first)
    assert shown(sdk, failure.value.details["execution_id"])[0] == 1
    plan = sdk.replay_executions(deployment_name=name, code=2, dry_run=True)
    assert (plan["count"], plan["versions"], plan["original_versions"]) == (1, {"2": 1}, {"1": 1})


def test_what_the_version_cannot_take_is_refused(loop: Loop, sdk: HeadraceSdk) -> None:
    loop.deploy(1)
    first = sdk.run_pipeline(loop.name, {"x": 1})["execution_id"]
    loop.deploy("def main(z):\n    return {'y': z}\n", inputs=[Input("z", "number", None, True)])
    with pytest.raises(InvalidValue, match="no input 'x', which the execution was given") as error:
        sdk.rerun_execution(first)
    assert "'z' is required" in error.value.message
    with pytest.raises(InvalidValue, match="'z'"):
        sdk.rerun_execution(first, inputs={"x": 1})
    assert sdk.rerun_execution(first, "original")["outputs"] == {"y": 2}
    loop.deploy("def main(x, z=5):\n    return {'y': z}\n", inputs=[X, Input("z", "number")])
    assert sdk.rerun_execution(first)["outputs"] == {"y": 5}
    assert sdk.rerun_execution(first, inputs={"z": 6})["outputs"] == {"y": 6}


def test_new_outputs_come_and_lost_ones_go(loop: Loop, sdk: HeadraceSdk) -> None:
    loop.deploy(1)
    first = sdk.run_pipeline(loop.name, {"x": 1})["execution_id"]
    loop.deploy("def main(x):\n    return {'w': x}\n", outputs=[Output("w", "number")])
    assert sdk.rerun_execution(first)["outputs"] == {"w": 1}
    assert sdk.rerun_execution(first, "original")["outputs"] == {"y": 2}


def test_versions_that_cannot_run_are_refused(loop: Loop, sdk: HeadraceSdk) -> None:
    loop.deploy(1)
    first = sdk.run_pipeline(loop.name, {"x": 1})["execution_id"]
    with pytest.raises(PipelineCreationFailed):
        loop.deploy("import nothing_of_this_name\n\n\ndef main(x):\n    return {}\n")
    with pytest.raises(Conflict, match="could not be built"):
        sdk.rerun_execution(first, 2)
    with pytest.raises(NotFound, match="has no version 7"):
        sdk.rerun_execution(first, 7)
    assert sdk.rerun_execution(first)["version"] == 1


def all_of(sdk: HeadraceSdk, name: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = sdk.list_executions(pipeline_name=name)["items"]
    return items


def test_lists_are_chosen_by_version(loop: Loop, sdk: HeadraceSdk) -> None:
    loop.deploy(BROKEN)
    failed = [failed_run(loop, sdk) for _ in range(2)]
    loop.deploy(MENDED, outputs=[Y])
    done = sdk.replay_executions(pipeline_name=loop.name, version=1)
    assert (done["started"], done["succeeded"]) == (2, 2)
    assert {item["version"] for item in all_of(sdk, loop.name)} == {1, 2}
    second = sdk.list_executions(pipeline_name=loop.name, version=2)["items"]
    # Several are run again at once, in any order.
    assert sorted(item["rerun_of"] for item in second) == sorted(failed)
