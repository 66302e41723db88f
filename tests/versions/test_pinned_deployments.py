"""Deployments follow the current version, or have one of their own."""

from __future__ import annotations

from typing import Any

import pytest
from tests.versions.conftest import Loop, X, Y

from headrace import (
    BreakingChange,
    Conflict,
    HeadraceSdk,
    Input,
    InputSource,
    InvalidRequest,
    NotFound,
    PipelineCreationFailed,
)


def version_of(sdk: HeadraceSdk, name: str) -> tuple[int, bool]:
    shown = sdk.get_deployment(name)["pipeline"]
    return shown["version"], shown["is_pinned"]


def test_a_pinned_deployment_stays_where_it_is(loop: Loop, sdk: HeadraceSdk) -> None:
    loop.deploy(1)
    loop.deploy(2)
    pinned, follows = loop.endpoint(pipeline_version=1), loop.endpoint()
    assert version_of(sdk, pinned.__name__) == (1, True)
    assert version_of(sdk, follows.__name__) == (2, False)
    loop.deploy(3)
    assert pinned(x=0).json()["outputs"] == {"y": 1}
    assert follows(x=0).json()["outputs"] == {"y": 3}
    sdk.update_deployment(pinned.__name__, pipeline_version="current")
    sdk.update_deployment(follows.__name__, pipeline_version=2)
    assert pinned(x=0).json()["outputs"] == {"y": 3}
    assert follows(x=0).json()["outputs"] == {"y": 2}
    assert version_of(sdk, follows.__name__) == (2, True)
    # Another change leaves the pin alone.
    sdk.update_deployment(follows.__name__, retries=1)
    assert version_of(sdk, follows.__name__) == (2, True)


@pytest.mark.parametrize(
    ("number", "error", "named"),
    [
        (7, NotFound, "has no version 7; its versions are 1 to 2"),
        (2, Conflict, "could not be built"),
        (0, InvalidRequest, "pipeline_version must be the number"),
        (True, InvalidRequest, "pipeline_version must be the number"),
        ("newest", InvalidRequest, "pipeline_version must be the number"),
    ],
)
def test_a_version_that_cannot_run_is_refused(
    loop: Loop, sdk: HeadraceSdk, number: Any, error: type[Exception], named: str
) -> None:
    loop.deploy(1)
    with pytest.raises(PipelineCreationFailed):
        loop.deploy("import no_such_module\n\ndef main(x):\n    return {'y': 1}\n")
    call = loop.endpoint()
    with pytest.raises(error, match=named):
        loop.endpoint(pipeline_version=number)
    with pytest.raises(error, match=named):
        sdk.update_deployment(call.__name__, pipeline_version=number)
    assert version_of(sdk, call.__name__) == (1, False)


def test_versions_that_break_only_pinned_deployments_break_nothing(
    loop: Loop, sdk: HeadraceSdk
) -> None:
    loop.deploy(1)
    call = loop.endpoint(pipeline_version=1)
    text = [Input("text", "string", None, True)]
    loop.deploy("def main(text):\n    return {'y': len(text)}\n", text)
    assert call(x=1).json()["outputs"] == {"y": 2}
    with pytest.raises(BreakingChange, match="input 'x' is gone, but callers send it"):
        sdk.update_deployment(call.__name__, pipeline_version=2)
    sdk.update_deployment(call.__name__, pipeline_version=2, force=True)
    assert call(text="abc").json()["outputs"] == {"y": 3}


def test_a_new_input_is_mapped_together_with_the_version_that_has_it(
    loop: Loop, sdk: HeadraceSdk
) -> None:
    loop.deploy(1)
    call = loop.endpoint(pipeline_version=1)
    loop.deploy("def main(x, z):\n    return {'y': x + z}\n", [X, Input("z", "number", None, True)])
    ten = [InputSource(pipeline_input_name="z", constant_value=10)]
    sdk.update_deployment(call.__name__, pipeline_version="current", inputs_mapping=ten)
    assert call(x=1).json()["outputs"] == {"y": 11}
    # The mapping of what a version does not have is kept for one that has it again.
    with pytest.raises(BreakingChange, match="input 'z' is gone"):
        sdk.update_deployment(call.__name__, pipeline_version=1)
    sdk.update_deployment(call.__name__, pipeline_version=1, force=True)
    assert call(x=1).json()["outputs"] == {"y": 2}
    sdk.update_deployment(call.__name__, pipeline_version=2)
    assert call(x=1).json()["outputs"] == {"y": 11}


def test_a_probe_has_to_fit(loop: Loop, sdk: HeadraceSdk) -> None:
    loop.deploy(1, [Input("x", "number", None, True)], [Y])
    with pytest.raises(InvalidRequest, match="probe is a call of new pods"):
        loop.endpoint(probe={"x": 1})
    with pytest.raises(InvalidRequest, match=r"probe: .*'x' is required"):
        loop.endpoint(probe={}, mode="low_latency")
    call = loop.endpoint(probe={"x": 1}, mode="low_latency")
    assert sdk.get_deployment(call.__name__)["probe"] == {"x": 1}
    with pytest.raises(InvalidRequest, match=r"probe: .*must be of type number"):
        sdk.update_deployment(call.__name__, probe={"x": "one"})
    assert sdk.update_deployment(call.__name__, probe="none")["probe"] is None
