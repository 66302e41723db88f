"""The public client, current era, drives periodic deployments against a real server."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from craft_ai_sdk.constants import DEPLOYMENT_EXECUTION_RULES, DEPLOYMENT_MODES
from craft_ai_sdk.exceptions import SdkException
from craft_ai_sdk.io import Input, InputSource, Output, OutputDestination
from tests.overdue import early_in_a_minute, make_overdue

PROMISED = {
    "name",
    "mode",
    "pipeline",
    "execution_rule",
    "status",
    "inputs_mapping",
    "outputs_mapping",
    "schedule",
    "human_readable_schedule",
    "created_at",
    "created_by",
    "updated_at",
    "updated_by",
    "is_enabled",
    "description",
    "last_execution_id",
}
OF_OTHERS = {"endpoint_token", "endpoint_url_path", "pods", "enable_parallel_executions"}


@pytest.fixture(scope="module")
def add(public_sdk: Any, source_folder: Path) -> str:
    return create_pipeline(public_sdk, source_folder, "add")


@pytest.fixture(scope="module")
def nothing(public_sdk: Any, source_folder: Path) -> str:
    return create_pipeline(public_sdk, source_folder, "nothing")


def create_pipeline(public_sdk: Any, folder: Path, function: str) -> str:
    name = f"{function}-{uuid.uuid4().hex[:8]}"
    has_numbers = function == "add"
    public_sdk.create_pipeline(
        pipeline_name=name,
        function_path="src/main.py",
        function_name=function,
        container_config={"local_folder": str(folder), "included_folders": ["src"]},
        inputs=[Input("number1", "number"), Input("number2", "number")] if has_numbers else [],
        outputs=[Output("number3", "number")] if has_numbers else [],
    )
    return name


@pytest.fixture
def name(public_sdk: Any) -> Iterator[str]:
    chosen = f"periodic-{uuid.uuid4().hex[:8]}"
    yield chosen
    if any(item["name"] == chosen for item in public_sdk.list_deployments()):
        public_sdk.delete_deployment(chosen)


MAPPINGS: dict[str, Any] = {
    "inputs_mapping": [
        InputSource("number1", constant_value=6),
        InputSource("number2", is_null=True),
    ],
    "outputs_mapping": [OutputDestination("number3", is_null=True)],
}


def test_a_periodic_deployment_has_what_is_promised(public_sdk: Any, add: str, name: str) -> None:
    created = public_sdk.create_deployment(
        pipeline_name=add,
        deployment_name=name,
        execution_rule=DEPLOYMENT_EXECUTION_RULES.PERIODIC,
        mode=DEPLOYMENT_MODES.ELASTIC,
        schedule="0 18 15 * *",
        description="each month",
        execution_timeout_s=60,
        **MAPPINGS,
    )
    assert set(created) >= PROMISED
    assert not set(created) & OF_OTHERS
    assert created["name"] == name
    assert created["mode"] == "elastic"
    assert created["pipeline"] == {"name": add}
    assert created["execution_rule"] == "periodic"
    assert created["status"] == "up"
    assert created["is_enabled"] is True
    assert created["schedule"] == "0 18 15 * *"
    assert created["human_readable_schedule"] == "At 06:00 PM, on day 15 of the month"
    assert created["description"] == "each month"
    assert created["last_execution_id"] is None
    assert created["created_by"] == public_sdk.who_am_i()["id"]
    assert datetime.fromisoformat(created["created_at"]).tzinfo is not None
    inputs = {item["pipeline_input_name"]: item for item in created["inputs_mapping"]}
    assert inputs["number1"]["constant_value"] == 6
    assert inputs["number1"]["data_type"] == "number"
    assert inputs["number2"]["is_null"] is True
    assert "endpoint_input_name" not in inputs["number1"]
    assert created["outputs_mapping"][0]["is_null"] is True
    assert public_sdk.get_deployment(name) == created


def test_it_is_listed_changed_paused_and_deleted(public_sdk: Any, add: str, name: str) -> None:
    public_sdk.create_deployment(add, name, "periodic", schedule="0 3 * * *", **MAPPINGS)
    listed = {item["name"]: item for item in public_sdk.list_deployments()}[name]
    assert {key: listed[key] for key in ("pipeline_name", "execution_rule", "mode")} == {
        "pipeline_name": add,
        "execution_rule": "periodic",
        "mode": "elastic",
    }
    assert listed["is_enabled"] is True

    paused = public_sdk.update_deployment(name, is_enabled=False)
    assert (paused["is_enabled"], paused["status"]) == (False, "disabled")
    changed = public_sdk.update_deployment(name, schedule="0 21 * * 1", timeout_s=20)
    assert changed["schedule"] == "0 21 * * 1"
    assert changed["human_readable_schedule"] == "At 09:00 PM, only on Monday"
    assert (changed["is_enabled"], changed["status"]) == (False, "disabled")
    changed = public_sdk.update_deployment(
        name, inputs_mapping=[InputSource("number1", constant_value=7)]
    )
    inputs = {item["pipeline_input_name"]: item for item in changed["inputs_mapping"]}
    assert inputs["number1"]["constant_value"] == 7
    assert changed["is_enabled"] is False
    assert public_sdk.get_deployment(name, wait_for_completion=True) == changed
    enabled = public_sdk.update_deployment(name, is_enabled=True)
    assert (enabled["is_enabled"], enabled["status"]) == (True, "up")
    assert enabled["schedule"] == "0 21 * * 1"

    assert public_sdk.delete_deployment(name) == {"name": name, "execution_rule": "periodic"}
    with pytest.raises(SdkException, match="no deployment"):
        public_sdk.get_deployment(name)


def test_its_executions_are_those_of_its_fire_times(
    public_sdk: Any, own_sdk: Any, server: Any, nothing: str, name: str
) -> None:
    early_in_a_minute()
    public_sdk.create_deployment(nothing, name, "periodic", schedule="* * * * *")
    assert make_overdue(server, own_sdk, name, nothing, 1) == ["ran"]
    last = public_sdk.get_deployment(name)["last_execution_id"]
    outputs = public_sdk.retrieve_pipeline_execution_outputs(last)
    assert outputs["outputs"] == {}
    execution = public_sdk.get_pipeline_execution(last)
    assert (execution["status"], execution["deployment_name"]) == ("Succeeded", name)
    assert last in {item["execution_id"] for item in public_sdk.list_pipeline_executions(nothing)}
    logs = public_sdk.get_pipeline_execution_logs(last)
    assert "nothing to see" in [line["message"] for line in logs]
    assert (
        public_sdk.get_deployment_logs(name, from_datetime=datetime.now(UTC) - timedelta(hours=1))
        == []
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "schedule is missing"),
        ({"schedule": "* * * *"}, "has 4 fields"),
        ({"schedule": "0 0 31 2 *"}, "never fires"),
        ({"schedule": "0 3 * * *", "ram_request": "1GiB"}, "ram_request"),
        ({"schedule": "0 3 * * *", "inputs_mapping": [], "outputs_mapping": []}, "no source"),
        (
            {
                "schedule": "0 3 * * *",
                "inputs_mapping": [InputSource("number1", endpoint_input_name="a")],
            },
            "number1.*endpoint_input_name",
        ),
    ],
)
def test_what_is_refused_says_why(
    public_sdk: Any, add: str, name: str, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(SdkException, match=words) as caught:
        public_sdk.create_deployment(add, name, "periodic", **{**MAPPINGS, **arguments})
    assert caught.value.status_code == 400
    assert name not in {item["name"] for item in public_sdk.list_deployments()}


def test_a_change_that_cannot_be_made_changes_nothing(public_sdk: Any, add: str, name: str) -> None:
    created = public_sdk.create_deployment(add, name, "periodic", schedule="0 3 * * *", **MAPPINGS)
    for arguments, words in (
        ({"schedule": "never"}, "has 1 field"),
        ({"schedule": ""}, "five"),
        ({"inputs_mapping": [InputSource("number2", constant_value=1)]}, "number2"),
    ):
        with pytest.raises(SdkException, match=words):
            public_sdk.update_deployment(name, **arguments)
    assert public_sdk.get_deployment(name) == created
