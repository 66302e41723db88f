"""The specification, first half: a pipeline is run, called as an endpoint, or fires by a schedule.

Each test is an example of one thing that the specification says, with both clients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from tests.overdue import early_in_a_minute
from tests.specification.conftest import Door

Axios = Callable[[str, str, Any], Any]


def test_a_pipeline_without_inputs_is_run_by_its_name_alone(door: Door) -> None:
    assert door.run("greet") == {}


def test_inputs_are_given_and_outputs_returned_by_their_names(door: Door) -> None:
    assert door.run("area", inputs={"width": 4, "height": 2.5}) == {"area": 10}


def test_a_run_is_on_record_with_what_it_printed(door: Door) -> None:
    ran = door.sdk.run_pipeline(pipeline_name=door.pipeline("greet"))
    lines = door.sdk.get_pipeline_execution_logs(ran["execution_id"])
    assert [line["message"] for line in lines] == ["good morning"]


def test_nobody_runs_a_pipeline_without_being_connected(door: Door) -> None:
    url = f"{door.server.url}/api/v1/pipelines/{door.pipeline('greet')}/run"
    assert httpx.post(url, data={"json_inputs": "{}"}).status_code == 401


def test_an_endpoint_has_a_token_and_an_address_made_from_its_name(door: Door) -> None:
    endpoint = door.deploy("greet")
    assert endpoint["execution_rule"] == "endpoint"
    assert endpoint["endpoint_url_path"] == endpoint["name"]
    headers = {"Authorization": f"EndpointToken {endpoint['endpoint_token']}"}
    assert httpx.post(door.url(endpoint), headers=headers, timeout=60).status_code == 200
    if door.sdk is door.own:
        assert endpoint["endpoint_url"] == door.url(endpoint)


def test_an_endpoint_opens_to_its_token_alone(door: Door) -> None:
    endpoint, other = door.deploy("greet"), door.deploy("greet")
    for value in (None, "EndpointToken wrong", f"EndpointToken {other['endpoint_token']}"):
        headers = {} if value is None else {"Authorization": value}
        assert httpx.post(door.url(endpoint), headers=headers).status_code == 401


def test_an_endpoint_without_inputs_is_called_from_anywhere(door: Door, axios: Axios) -> None:
    endpoint = door.deploy("greet")
    assert door.call(endpoint) == {}
    assert door.curl(endpoint) == {}
    assert axios(door.url(endpoint), endpoint["endpoint_token"], None) == {}


def test_inputs_of_a_call_are_a_json_object_and_so_are_its_outputs(
    door: Door, axios: Axios
) -> None:
    endpoint = door.deploy("area")
    assert door.call(endpoint, {"width": 4, "height": 5}) == {"area": 20}
    typed = ("-H", "Content-Type: application/json")
    assert door.curl(endpoint, *typed, "-d", '{"width": 6, "height": 7}') == {"area": 42}
    body = {"width": 3, "height": 3}
    assert axios(door.url(endpoint), endpoint["endpoint_token"], body) == {"area": 9}


@pytest.mark.parametrize("value", ["four", True, [4]])
def test_a_value_has_to_be_of_the_type_of_its_input(door: Door, value: Any) -> None:
    endpoint = door.deploy("area")
    answer = httpx.post(
        door.url(endpoint),
        headers={"Authorization": f"EndpointToken {endpoint['endpoint_token']}"},
        json={"width": value, "height": 1},
    )
    assert answer.status_code == 400
    assert "width" in answer.json()["message"]


def test_a_periodic_deployment_is_executed_by_itself(door: Door) -> None:
    early_in_a_minute()
    deployment = door.deploy("greet", "periodic", schedule="* * * * *")
    assert (deployment["execution_rule"], deployment["status"]) == ("periodic", "up")
    execution_id = door.fired(deployment)
    assert door.sdk.retrieve_pipeline_execution_outputs(execution_id)["outputs"] == {}
    assert door.sdk.get_deployment(deployment["name"])["last_execution_id"] == execution_id


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("*/20 * * * *", ["20 minutes"]),
        ("0 * * * *", ["hour"]),
        ("30 4 * * *", ["04:30"]),
        ("0 22 * * 0", ["10:00 pm", "Sunday"]),
        ("15 6 2 * *", ["06:15", "day 2"]),
        ("0 9 * * 1-5", ["09:00", "Monday through Friday"]),
        ("0 0 24 12 *", ["December", "day 24"]),
    ],
)
def test_a_schedule_is_a_cron_rule_that_is_said_in_words(
    door: Door, schedule: str, words: list[str]
) -> None:
    deployment = door.deploy("greet", "periodic", schedule=schedule)
    assert deployment["schedule"] == schedule
    said = deployment["human_readable_schedule"].lower()
    assert [word for word in words if word.lower() not in said] == [], said


@pytest.mark.parametrize("schedule", [None, "every day", "61 * * * *"])
def test_a_periodic_deployment_needs_a_schedule(door: Door, schedule: str | None) -> None:
    options = {} if schedule is None else {"schedule": schedule}
    with pytest.raises(Exception, match="schedule"):
        door.deploy("greet", "periodic", **options)
