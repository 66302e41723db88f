"""What executions and pods used: measured for real, and read by client, command and CSV."""

from __future__ import annotations

import csv
import io
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import RunningServer, wait_until

from headrace import HeadraceSdk, Input, InvalidRequest, NotFound, Output

SOURCE = """
import os
import subprocess
import sys
import time

CHILD = "import time; block = bytearray(b'y' * (48 << 20)); time.sleep(60)"


def work(until):
    block = bytearray(b"x" * (64 << 20))
    child = subprocess.Popen([sys.executable, "-c", CHILD])
    with open("big", "wb") as file:
        file.write(block[: 8 << 20])
        os.fsync(file.fileno())
    while not os.path.exists(until):
        sum(range(1000))
    child.kill()
    child.wait()


def brief():
    sum(range(100_000))
    return {"size": len(bytearray(b"x" * (32 << 20)))}


def leave():
    os._exit(3)
"""


@pytest.fixture(scope="module")
def make(own_sdk: HeadraceSdk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Makes a pipeline of a function; all are deleted at the end."""
    folder = tmp_path_factory.mktemp("usage")
    (folder / "main.py").write_text(SOURCE)
    made = []

    def pipeline(function: str, **more: Any) -> str:
        name = f"{function}-{uuid.uuid4().hex[:8]}"
        own_sdk.create_pipeline(
            name, "main.py", function, container_config={"local_folder": str(folder)}, **more
        )
        made.append(name)
        return name

    yield pipeline
    for name in made:
        own_sdk.delete_pipeline(name, force_deployments_deletion=True)


@pytest.fixture(scope="module")
def brief(make: Callable[..., str]) -> str:
    return make("brief", outputs=[Output("size", "number")])


def test_an_execution_is_sampled_with_what_it_starts_while_it_runs(
    own_sdk: HeadraceSdk, make: Callable[..., str], tmp_path: Path
) -> None:
    name = make("work", inputs=[Input("until", "string")])
    until = tmp_path / "enough"
    run = own_sdk.run_pipeline(name, inputs={"until": str(until)}, wait_for_completion=False)
    execution_id = run["execution_id"]

    def found() -> Any:
        return own_sdk.get_resource_metrics(execution_id=execution_id)

    def lines() -> Any:
        return {key: line[0]["values"] for key, line in found()["metrics"].items() if line}

    wait_until(lambda: len(lines().get("cpu_usage", ())) > 1, timeout_s=60, what="two samples")
    both = (64 + 48) << 20
    wait_until(lambda: lines()["ram_bytes"][-1][1] > both, timeout_s=60, what="the memory of both")
    assert found()["additional_data"]["total"]["cpu_seconds"] > 0
    until.touch()
    own_sdk.retrieve_pipeline_execution_outputs(execution_id)
    after = found()
    told = after["additional_data"]
    assert (told["executions"], told["is_shared"]) == (1, False)
    assert told["total"]["peak_ram_bytes"] > both
    assert told["total"]["disk_written_bytes"] >= 8 << 20
    (line,) = after["metrics"]["cpu_usage"]
    assert line["metric"]["execution_id"] == execution_id
    assert line["metric"]["worker"]
    assert all(0 <= value <= 100 for _, value in line["values"])
    times = [at for at, _ in line["values"]]
    assert times == sorted(set(times))
    rows = list(
        csv.DictReader(
            io.StringIO(own_sdk.get_resource_metrics(execution_id=execution_id, csv=True).decode())
        )
    )
    assert len(rows) == len(times)
    assert {row["execution_id"] for row in rows} == {execution_id}
    of_pipeline = own_sdk.get_resource_metrics(pipeline_name=name)
    assert of_pipeline["metrics"]["cpu_usage"] == after["metrics"]["cpu_usage"]


@pytest.mark.parametrize("function", ["brief", "leave"])
def test_what_ends_before_its_first_sample_has_its_totals(
    own_sdk: HeadraceSdk, make: Callable[..., str], brief: str, function: str
) -> None:
    name = brief if function == "brief" else make(function)
    run = own_sdk.run_pipeline(name, inputs={}, wait_for_completion=False)
    execution_id = run["execution_id"]
    wait_until(
        lambda: own_sdk.get_pipeline_execution(execution_id)["end_date"],
        timeout_s=60,
        what="an end",
    )
    found = own_sdk.get_resource_metrics(execution_id=execution_id)
    total = found["additional_data"]["total"]
    assert total["cpu_seconds"] > 0
    assert total["peak_ram_bytes"] > (32 << 20 if function == "brief" else 1 << 20)
    (line,) = found["metrics"]["ram_bytes"]
    assert [value for _, value in line["values"]] == [total["peak_ram_bytes"]]
    own_sdk.delete_pipeline_execution(execution_id)
    with pytest.raises(NotFound, match="There is no execution"):
        own_sdk.get_resource_metrics(execution_id=execution_id)


def test_pods_are_measured_and_their_figures_said_to_be_shared(
    server: RunningServer, own_sdk: HeadraceSdk, brief: str
) -> None:
    deployment = own_sdk.create_deployment(brief, f"{brief}-warm", "endpoint", mode="low_latency")
    answer = httpx.post(
        f"{server.url}/endpoints/{deployment['name']}",
        json={},
        headers={"Authorization": f"EndpointToken {deployment['endpoint_token']}"},
        timeout=60,
    )
    execution_id = answer.json()["execution_id"]

    def of_call() -> Any:
        return own_sdk.get_resource_metrics(execution_id=execution_id)

    def of_deployment() -> Any:
        return own_sdk.get_resource_metrics(deployment_name=deployment["name"])

    for found in (of_call, of_deployment):
        _wait_for_samples(found)
        line = found()["metrics"]["ram_bytes"][0]
        assert line["metric"]["pod_id"]
        assert line["values"][0][1] > 1 << 20
        assert found()["additional_data"]["is_shared"]
        assert found()["additional_data"]["total"] is None


def test_what_is_asked_for_and_is_not_there_is_said(own_sdk: HeadraceSdk, brief: str) -> None:
    with pytest.raises(NotFound, match="There is no pipeline 'absent'"):
        own_sdk.get_resource_metrics(pipeline_name="absent")
    with pytest.raises(NotFound, match="There is no deployment 'absent'"):
        own_sdk.get_resource_metrics(deployment_name="absent")
    moment = datetime.now(UTC)
    with pytest.raises(InvalidRequest, match="start must be before end"):
        own_sdk.get_resource_metrics(moment, moment, pipeline_name=brief)
    with pytest.raises(InvalidRequest, match="start_date must be a datetime"):
        own_sdk.get_resource_metrics()
    long_ago = datetime.now(UTC) - timedelta(days=20)
    found = own_sdk.get_resource_metrics(
        long_ago, long_ago + timedelta(hours=1), pipeline_name=brief
    )
    assert found["additional_data"]["total"] is None
    assert not any(found["metrics"].values())


def _wait_for_samples(found: Callable[[], Any]) -> None:
    wait_until(lambda: found()["metrics"]["ram_bytes"], timeout_s=60, what="a sample")
