"""The public client, current era, drives low-latency deployments against a real server."""

from __future__ import annotations

import io
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from craft_ai_sdk.constants import DEPLOYMENT_EXECUTION_RULES, DEPLOYMENT_MODES
from craft_ai_sdk.exceptions import SdkException
from craft_ai_sdk.io import Input, InputSource, Output, OutputDestination
from tests.contract.test_periodic_deployments import OF_OTHERS, PROMISED

WARM = {"pods", "enable_parallel_executions"}
OF_ENDPOINTS = {"endpoint_token", "endpoint_url_path"}
OF_SCHEDULES = {"schedule", "human_readable_schedule"}


@pytest.fixture(scope="module")
def pipeline(public_sdk: Any, source_folder: Path) -> Any:
    """Creates pipelines of the functions of the shared source."""
    made: dict[str, str] = {}

    def create(
        function: str, inputs: list[Input] | None = None, outputs: list[Output] | None = None
    ) -> str:
        if function not in made:
            made[function] = f"warm-{function}-{uuid.uuid4().hex[:8]}"
            public_sdk.create_pipeline(
                pipeline_name=made[function],
                function_path="src/main.py",
                function_name=function,
                container_config={"local_folder": str(source_folder), "included_folders": ["src"]},
                inputs=inputs,
                outputs=outputs,
            )
        return made[function]

    return create


@pytest.fixture
def add(pipeline: Any) -> str:
    numbers = [Input("number1", "number"), Input("number2", "number")]
    return str(pipeline("add", numbers, [Output("number3", "number")]))


@pytest.fixture
def name(public_sdk: Any) -> Iterator[str]:
    chosen = f"warm-{uuid.uuid4().hex[:8]}"
    yield chosen
    if any(item["name"] == chosen for item in public_sdk.list_deployments()):
        public_sdk.delete_deployment(chosen)


def test_an_endpoint_has_what_is_promised_and_is_called_both_ways(
    public_sdk: Any, add: str, name: str
) -> None:
    created = public_sdk.create_deployment(
        pipeline_name=add,
        deployment_name=name,
        execution_rule=DEPLOYMENT_EXECUTION_RULES.ENDPOINT,
        mode=DEPLOYMENT_MODES.LOW_LATENCY,
        inputs_mapping=[InputSource("number2", endpoint_input_name="other", default_value=2)],
        outputs_mapping=[OutputDestination("number3", endpoint_output_name="sum")],
        enable_parallel_executions=True,
        max_parallel_executions_per_pod=2,
        ram_request="512MiB",
        gpu_request=0,
        execution_timeout_s=30,
        endpoint_token="chosen-by-me",
    )
    assert set(created) >= (PROMISED - OF_SCHEDULES) | WARM | OF_ENDPOINTS
    assert created["mode"] == "low_latency"
    assert created["status"] == "up"
    assert [set(pod) for pod in created["pods"]] == [{"pod_id", "status"}]
    assert created["enable_parallel_executions"] is True
    assert created["max_parallel_executions_per_pod"] == 2
    assert created["endpoint_token"] == "chosen-by-me"
    assert public_sdk.get_deployment(name) == created

    by_token = public_sdk.trigger_endpoint(name, "chosen-by-me", {"number1": 1, "other": 5})
    assert by_token["outputs"] == {"sum": 6}
    by_user = public_sdk.trigger_endpoint(name, inputs={"number1": 1})
    assert by_user["outputs"] == {"number3": 3}
    for made in (by_token, by_user):
        execution = public_sdk.get_pipeline_execution(made["execution_id"])
        assert (execution["status"], execution["deployment_name"]) == ("Succeeded", name)
    assert public_sdk.get_deployment(name)["last_execution_id"] == by_user["execution_id"]
    started = public_sdk.trigger_endpoint(
        name, "chosen-by-me", {"number1": 1, "other": 5}, wait_for_completion=False
    )
    later = public_sdk.retrieve_endpoint_results(name, started["execution_id"], "chosen-by-me")
    assert later["outputs"] == {"sum": 6}
    with pytest.raises(SdkException, match="number1"):
        public_sdk.trigger_endpoint(name, "chosen-by-me", {"number1": "one"})


def test_it_is_listed_changed_disabled_and_deleted(public_sdk: Any, add: str, name: str) -> None:
    created = public_sdk.create_deployment(
        add,
        name,
        "endpoint",
        "low_latency",
        inputs_mapping=[InputSource("number1", constant_value=6)],
    )
    assert created["enable_parallel_executions"] is False
    assert "max_parallel_executions_per_pod" not in created
    listed = {item["name"]: item for item in public_sdk.list_deployments()}[name]
    assert (listed["mode"], listed["execution_rule"]) == ("low_latency", "endpoint")
    token = created["endpoint_token"]
    assert public_sdk.trigger_endpoint(name, token, {"number2": 1})["outputs"] == {"number3": 7}
    changed = public_sdk.update_deployment(
        name, inputs_mapping=[InputSource("number1", constant_value=7)]
    )
    assert changed["pods"] == created["pods"]
    assert public_sdk.trigger_endpoint(name, token, {"number2": 1})["outputs"] == {"number3": 8}

    disabled = public_sdk.update_deployment(name, is_enabled=False)
    assert (disabled["status"], disabled["pods"]) == ("disabled", [])
    with pytest.raises(SdkException, match="disabled"):
        public_sdk.trigger_endpoint(name, token, {"number2": 1})
    enabled = public_sdk.update_deployment(name, is_enabled=True)
    assert enabled["status"] == "up"
    assert enabled["pods"] != created["pods"]
    assert public_sdk.delete_deployment(name) == {"name": name, "execution_rule": "endpoint"}
    with pytest.raises(SdkException, match="no deployment"):
        public_sdk.get_deployment(name)


def test_what_fails_and_what_is_logged(public_sdk: Any, pipeline: Any, name: str) -> None:
    created = public_sdk.create_deployment(
        pipeline("fail", [Input("message", "string")]), name, "endpoint", "low_latency"
    )
    for token in (created["endpoint_token"], None):
        with pytest.raises(SdkException, match="ValueError: no luck"):
            public_sdk.trigger_endpoint(name, token, {"message": "no luck"})
    last = public_sdk.get_deployment(name)["last_execution_id"]
    assert public_sdk.get_pipeline_execution(last)["status"] == "Failed"
    said = [line["message"] for line in public_sdk.get_pipeline_execution_logs(last)]
    assert said[0] == "before"
    assert said[-1] == "ValueError: no luck"
    hour = timedelta(hours=1)
    lines = public_sdk.get_deployment_logs(name, from_datetime=datetime.now(UTC) - hour)
    assert {line["pod_id"] for line in lines} == {created["pods"][0]["pod_id"]}
    assert {line["type"] for line in lines} == {"deployment"}
    assert all(set(line) >= {"timestamp", "message", "stream"} for line in lines)
    assert public_sdk.get_deployment_logs(name, limit=1) == lines[:1]


def test_files_go_in_and_out(public_sdk: Any, pipeline: Any, name: str) -> None:
    names = ("text", "number", "flag", "record", "items", "document")
    types = ("string", "number", "boolean", "json", "array", "file")
    created = public_sdk.create_deployment(
        pipeline(
            "describe",
            [Input(*pair) for pair in zip(names, types, strict=True)],
            [Output(*pair) for pair in zip(names, types, strict=True)],
        ),
        name,
        "endpoint",
        "low_latency",
    )
    inputs = {"text": "hi", "number": 2, "flag": True, "record": {"a": 1}, "items": [1, 2]}
    for token in (created["endpoint_token"], None):
        result = public_sdk.trigger_endpoint(
            name, token, {**inputs, "document": io.BytesIO(b"abc")}
        )
        outputs = result["outputs"]
        assert outputs["document"] == b"cba"
        assert (outputs["text"], outputs["number"], outputs["flag"]) == ("HI", 4, False)
        assert outputs["record"] == {"given": {"a": 1}, "length": 3}


def test_a_periodic_one_has_what_is_promised(public_sdk: Any, pipeline: Any, name: str) -> None:
    created = public_sdk.create_deployment(
        pipeline("nothing"), name, "periodic", "low_latency", schedule="0 3 * * *"
    )
    assert set(created) >= PROMISED | WARM
    assert not set(created) & (OF_OTHERS - WARM)
    assert (created["status"], len(created["pods"])) == ("up", 1)


def test_a_creation_that_fails_is_an_exception(
    public_sdk: Any, source_folder: Path, name: str, tmp_path: Path
) -> None:
    (tmp_path / "broken.py").write_text(
        "raise RuntimeError('not today')\n\n\ndef work():\n    pass\n"
    )
    public_sdk.create_pipeline(
        pipeline_name=f"{name}-broken",
        function_path="broken.py",
        function_name="work",
        container_config={"local_folder": str(tmp_path), "included_folders": ["/"]},
    )
    with pytest.raises(SdkException):
        public_sdk.create_deployment(f"{name}-broken", name, "endpoint", "low_latency")
    assert public_sdk.get_deployment(name)["status"] == "creation_failed"
    said = [line["message"] for line in public_sdk.get_deployment_logs(name)]
    assert "RuntimeError: not today" in said
    public_sdk.delete_pipeline(f"{name}-broken", force_deployments_deletion=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"ram_request": "1GB"}, "ram_request"),
        ({"gpu_request": 1}, "gpu_request"),
        ({"max_parallel_executions_per_pod": 2}, "enable_parallel_executions"),
        ({"mode": "elastic", "ram_request": "1GiB"}, "ram_request"),
        ({"schedule": "0 3 * * *"}, "schedule"),
    ],
)
def test_what_cannot_be_is_refused(
    public_sdk: Any, add: str, name: str, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises((SdkException, ValueError), match=words):
        public_sdk.create_deployment(add, name, "endpoint", **{"mode": "low_latency", **arguments})
    assert name not in {item["name"] for item in public_sdk.list_deployments()}
