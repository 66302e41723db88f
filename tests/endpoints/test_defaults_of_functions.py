"""An input that is not given: the function's own default holds; null is None."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.conftest import RunningServer

from headrace import (
    HeadraceSdk,
    Input,
    InputSource,
    Output,
    OutputDestination,
    PipelineExecutionFailed,
)

pytestmark = pytest.mark.system

SOURCE = """\
import functools


def wrapped(function):
    @functools.wraps(function)
    def outer(*args, **kwargs):
        return function(*args, **kwargs)
    return outer


def show(own=7, none=5, plain="unset", document="no file", declared=1, *, keyword=3):
    if isinstance(document, dict):
        document = "file"
    print(own, none, plain, document, declared, keyword)
    return {"seen": [own, none, plain, document, declared, keyword]}


@wrapped
def decorated(own=7):
    return {"seen": [own]}


async def awaited(own=7):
    return {"seen": [own]}


def open_ended(**kwargs):
    return {"seen": [kwargs.get("own", "left out")]}


def without(own):
    return {"seen": [own]}
"""

FUNCTIONS = ("show", "decorated", "awaited", "open_ended", "without")
SHOWN = [
    Input("own", "number"),
    Input("none", "number"),
    Input("plain", "string"),
    Input("document", "file"),
    Input("declared", "number", default_value=2),
    Input("keyword", "number"),
]


@pytest.fixture(scope="module")
def sdk(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HeadraceSdk]:
    folder = tmp_path_factory.mktemp("defaults")
    (folder / "main.py").write_text(SOURCE)
    with HeadraceSdk(sdk_token=server.token, environment_url=server.url) as connected:
        for function in FUNCTIONS:
            connected.create_pipeline(
                f"defaults-{function}",
                "main.py",
                function,
                container_config={"local_folder": str(folder)},
                inputs=SHOWN if function == "show" else [Input("own", "number")],
                outputs=[Output("seen", "json")],
            )
        yield connected
        for function in FUNCTIONS:
            connected.delete_pipeline(f"defaults-{function}", force_deployments_deletion=True)


def recorded(sdk: HeadraceSdk, execution_id: str) -> dict[str, Any]:
    """What the record says of each input: its value, or that there was none."""
    found = sdk.get_pipeline_execution(execution_id, include_files=False)
    return {
        item["pipeline_input_name"]: "absent" if item.get("is_absent") else item["value"]
        for item in found["inputs"]
    }


def test_a_run_leaves_out_what_was_not_given(sdk: HeadraceSdk) -> None:
    done = sdk.run_pipeline("defaults-show", {"none": None, "document": None})
    assert done["outputs"]["seen"] == [7, None, "unset", None, 2, 3]
    assert recorded(sdk, done["execution_id"]) == {
        "own": "absent",
        "none": None,
        "plain": "absent",
        "document": None,
        "declared": 2,
        "keyword": "absent",
    }
    given = sdk.run_pipeline("defaults-show", {"own": 0, "plain": "", "keyword": 9})
    assert given["outputs"]["seen"] == [0, 5, "", "no file", 2, 9]


@pytest.mark.parametrize(
    ("function", "seen"),
    [("decorated", 7), ("awaited", 7), ("open_ended", None), ("without", None)],
)
@pytest.mark.parametrize("mode", ["elastic", "low_latency"])
def test_signatures_of_every_kind(sdk: HeadraceSdk, function: str, seen: Any, mode: str) -> None:
    name = f"defaults-{function}-{mode}".replace("_", "-")
    made = sdk.create_deployment(f"defaults-{function}", name, "endpoint", mode=mode)
    for inputs, expected in (({}, seen), ({"own": None}, None), ({"own": 1}, 1)):
        answer = post(made, json=inputs)
        assert answer.json()["outputs"] == {"seen": [expected]}, (inputs, answer.text)


def post(endpoint: dict[str, Any], **what: Any) -> httpx.Response:
    headers = {"Authorization": f"EndpointToken {endpoint['endpoint_token']}"}
    return httpx.post(endpoint["endpoint_url"], headers=headers, timeout=60, **what)


@pytest.mark.parametrize("mode", ["elastic", "low_latency"])
def test_an_endpoint_leaves_out_what_was_not_given(sdk: HeadraceSdk, mode: str) -> None:
    made = sdk.create_deployment(
        "defaults-show",
        f"defaults-show-{mode}".replace("_", "-"),
        "endpoint",
        mode=mode,
        inputs_mapping=[
            InputSource("none", is_null=True),
            InputSource("plain", environment_variable_name="DEFAULTS_UNSET"),
            InputSource("keyword", endpoint_input_name="key"),
        ],
    )
    answer = post(made, json={})
    assert answer.json()["outputs"] == {"seen": [7, None, "unset", "no file", 2, 3]}
    found = recorded(sdk, answer.headers["craft-ai-execution-id"])
    assert found["own"] == "absent"
    assert found["none"] is None
    form = post(made, data={"key": "null"})
    assert form.json()["outputs"] == {"seen": [7, None, "unset", "no file", 2, None]}
    filled = post(made, data={"key": "4"}, files={"document": ("a", b"x")})
    assert filled.json()["outputs"] == {"seen": [7, None, "unset", "file", 2, 4]}


@pytest.mark.parametrize("mode", ["elastic", "low_latency"])
def test_a_variable_that_is_not_set_and_has_no_default_fails(sdk: HeadraceSdk, mode: str) -> None:
    made = sdk.create_deployment(
        "defaults-without",
        f"defaults-variable-{mode}".replace("_", "-"),
        "endpoint",
        mode=mode,
        inputs_mapping=[InputSource("own", environment_variable_name="DEFAULTS_UNSET")],
    )
    answer = post(made, json={})
    assert answer.status_code == 400
    assert answer.json()["additional_data"]["failure"] == "bad_input"
    assert "'DEFAULTS_UNSET', the source of input 'own', is not set" in answer.json()["message"]


def test_a_run_reads_a_variable_that_is_not_set_as_nothing(sdk: HeadraceSdk) -> None:
    unset = [InputSource("own", environment_variable_name="DEFAULTS_UNSET")]
    done = sdk.run_pipeline("defaults-show", inputs_mapping=unset)
    assert done["outputs"]["seen"][0] == 7
    with pytest.raises(PipelineExecutionFailed, match="'DEFAULTS_UNSET'"):
        sdk.run_pipeline("defaults-without", inputs_mapping=unset)


def test_a_periodic_deployment_does_the_same(sdk: HeadraceSdk) -> None:
    sdk.create_deployment(
        "defaults-show",
        "defaults-periodic",
        "periodic",
        schedule="* * * * *",
        inputs_mapping=[
            InputSource("own", environment_variable_name="DEFAULTS_UNSET"),
            InputSource("none", is_null=True),
            InputSource("plain", is_null=True),
            InputSource("document", is_null=True),
            InputSource("declared", environment_variable_name="DEFAULTS_UNSET"),
            InputSource("keyword", constant_value=8),
        ],
        outputs_mapping=[OutputDestination("seen", is_null=True)],
    )
    done = sdk.trigger_endpoint("defaults-periodic")
    (line,) = sdk.get_pipeline_execution_logs(done["execution_id"])
    assert line["message"] == "7 None None None 2 8"
    sdk.delete_deployment("defaults-periodic")
