"""Large outputs: refused by name and size, or passed on while everybody else is answered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.conftest import RunningServer

from headrace import HeadraceSdk, Input, Output, PipelineExecutionFailed
from headrace.core.values import MAX_OUTPUT_BYTES

pytestmark = pytest.mark.system

SOURCE = """\
def make(size):
    return {"text": "x" * size, "count": size}


def tick(number):
    return {"number": number}
"""

MEGABYTE = 10**6


def make_pipelines(server: RunningServer, folder: Path) -> HeadraceSdk:
    (folder / "main.py").write_text(SOURCE)
    sdk = HeadraceSdk(sdk_token=server.token, environment_url=server.url)
    for name, inputs, outputs in (
        ("make", [Input("size", "number")], [Output("text", "json"), Output("count", "number")]),
        ("tick", [Input("number", "number")], [Output("number", "number")]),
    ):
        sdk.create_pipeline(
            name,
            "main.py",
            name,
            container_config={"local_folder": str(folder)},
            inputs=inputs,
            outputs=outputs,
        )
    return sdk


@pytest.fixture
def raised(own_server: Callable[..., RunningServer], tmp_path: Path) -> Iterator[HeadraceSdk]:
    """A server that takes outputs of 50 MB."""
    folder = tmp_path / "code"
    folder.mkdir()
    with make_pipelines(own_server(HEADRACE_MAX_OUTPUT_BYTES="50MB"), folder) as sdk:
        yield sdk


def call(endpoint: dict[str, str], inputs: dict[str, int], path: str = "") -> httpx.Response:
    url = endpoint["endpoint_url"].replace("/endpoints/", f"/endpoints/{path}")
    headers = {"Authorization": f"EndpointToken {endpoint['endpoint_token']}"}
    return httpx.post(url, json=inputs, headers=headers, follow_redirects=True, timeout=120)


@pytest.mark.parametrize("mode", ["elastic", "low_latency"])
def test_others_are_answered_while_40_megabytes_pass(raised: HeadraceSdk, mode: str) -> None:
    large = raised.create_deployment("make", "large", "endpoint", mode=mode)
    small = raised.create_deployment("tick", "small", "endpoint", mode="low_latency")
    assert call(large, {"size": 1}).status_code == 200
    found: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: found.append(call(large, {"size": 40 * MEGABYTE})))
    begin = time.monotonic()
    thread.start()
    waits: list[float] = []
    while thread.is_alive():
        at, number = time.monotonic(), len(waits)
        assert call(small, {"number": number}).json()["outputs"] == {"number": number}
        waits.append(time.monotonic() - at)
    thread.join()
    took = time.monotonic() - begin
    assert found[0].status_code == 200
    outputs = found[0].json()["outputs"]
    assert outputs == {"text": "x" * 40 * MEGABYTE, "count": 40 * MEGABYTE}
    # However busy the machine is, nobody waited for most of what the large one took.
    assert len(waits) >= 3
    assert max(waits) < 0.6 * took, (waits, took)
    wrapped = call(large, {"size": 5 * MEGABYTE}, "v1/").json()["outputs"]
    assert wrapped["count"] == {"value": 5 * MEGABYTE}
    assert wrapped["text"] == {"value": "x" * 5 * MEGABYTE}


def test_a_run_gets_and_keeps_a_large_output_whole(raised: HeadraceSdk) -> None:
    done = raised.run_pipeline("make", inputs={"size": 20 * MEGABYTE})
    assert done["outputs"] == {"text": "x" * 20 * MEGABYTE, "count": 20 * MEGABYTE}
    kept = raised.get_pipeline_execution(done["execution_id"])
    assert kept["outputs"][0]["value"] == "x" * 20 * MEGABYTE
    one = raised.get_pipeline_execution_output(done["execution_id"], "text")
    assert one == "x" * 20 * MEGABYTE


def test_beyond_the_limit_an_execution_fails_with_name_and_size(
    server: RunningServer, tmp_path: Path
) -> None:
    (tmp_path / "code").mkdir()
    with make_pipelines(server, tmp_path / "code") as sdk:
        size = MAX_OUTPUT_BYTES
        with pytest.raises(PipelineExecutionFailed) as failed:
            sdk.run_pipeline("make", inputs={"size": size})
        assert f"output 'text' is {size + 2:,} bytes of JSON" in failed.value.message
        assert f"may be {MAX_OUTPUT_BYTES:,} (HEADRACE_MAX_OUTPUT_BYTES)" in failed.value.message
        warm = sdk.create_deployment("make", "make", "endpoint", mode="low_latency")
        answer = call(warm, {"size": size})
        assert answer.status_code == 500
        assert answer.json()["additional_data"]["failure"] == "bad_output"
        assert "type file" in answer.json()["message"]
        assert call(warm, {"size": 3}).json()["outputs"]["text"] == "xxx"
        sdk.delete_pipeline("make", force_deployments_deletion=True)
        sdk.delete_pipeline("tick")


def test_inputs_have_a_limit_that_is_a_setting(
    own_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    folder = tmp_path / "code"
    folder.mkdir()
    with make_pipelines(own_server(HEADRACE_MAX_INPUT_BYTES="200KB"), folder) as sdk:
        for mode in ("elastic", "low_latency"):
            made = sdk.create_deployment("tick", mode.replace("_", "-"), "endpoint", mode=mode)
            headers = {"Authorization": f"EndpointToken {made['endpoint_token']}"}
            for size, status in ((190_000, 400), (200_000, 413)):
                body = {"number": "x" * size}
                answer = httpx.post(made["endpoint_url"], json=body, headers=headers, timeout=60)
                assert answer.status_code == status, answer.text
                said = "at most 200,000" if status == 413 else "must be of type number"
                assert said in answer.json()["message"]
