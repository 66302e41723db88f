"""The specification, second half: where the values of inputs come from, and where outputs go.

Each test is an example of one thing that the specification says, with both clients.
"""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from craft_ai_sdk.exceptions import SdkException
from tests.overdue import early_in_a_minute
from tests.specification.conftest import Door

import headrace

Axios = Callable[[str, str, Any], Any]

PLACES: dict[str, dict[str, Any]] = {
    "constant": {"constant_value": 3},
    "endpoint": {"endpoint_input_name": "sent"},
    "variable": {"environment_variable_name": "EXAMPLE"},
    "data store": {"datastore_path": "examples/letter.txt"},
    "null": {"is_null": True},
}
ALLOWED: dict[str, tuple[set[str], set[str]]] = {
    "run": ({"constant", "variable", "data store", "null"}, {"data store", "null"}),
    "endpoint": (set(PLACES), {"endpoint", "data store", "null"}),
    "periodic": ({"constant", "variable", "data store", "null"}, {"data store", "null"}),
}
"""The table of the specification: sources and destinations by rule."""

SCHEDULE: dict[str, dict[str, str]] = {"endpoint": {}, "periodic": {"schedule": "0 0 1 1 *"}}


@pytest.fixture(autouse=True, scope="module")
def named(both: Door) -> None:
    """Make what the mappings of this module name."""
    both.sdk.upload_data_store_object(io.BytesIO(b"hello"), "examples/letter.txt")
    both.sdk.create_or_update_environment_variable("EXAMPLE", 6)


def is_taken(door: Door, rule: str, function: str, inputs: list[Any], outputs: list[Any]) -> bool:
    """Tell whether a run or a deployment takes a mapping."""
    mapping = {"inputs_mapping": inputs, "outputs_mapping": outputs}
    try:
        if rule == "run":
            door.run(function, **mapping)
        else:
            door.deploy(function, rule, **mapping, **SCHEDULE[rule])
    except (headrace.InvalidRequest, SdkException) as error:
        if getattr(error, "status_code", 400) != 400:
            raise
        return False
    return True


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("rule", ALLOWED)
def test_the_table_of_sources(door: Door, rule: str, place: str) -> None:
    is_file = place == "data store"
    function, name = ("shout", "letter") if is_file else ("area", "width")
    inputs = [door.source(name, **PLACES[place])]
    if not is_file:
        inputs.append(door.source("height", constant_value=2))
    outputs = [door.target("loud" if is_file else "area", is_null=True)]
    assert is_taken(door, rule, function, inputs, outputs) is (place in ALLOWED[rule][0])


@pytest.mark.parametrize("place", ["endpoint", "data store", "null"])
@pytest.mark.parametrize("rule", ALLOWED)
def test_the_table_of_destinations(door: Door, rule: str, place: str) -> None:
    places: dict[str, dict[str, Any]] = {
        "endpoint": {"endpoint_output_name": "got"},
        "data store": {"datastore_path": f"examples/{uuid.uuid4().hex}"},
        "null": {"is_null": True},
    }
    outputs = [door.target("loud", **places[place])]
    inputs = [door.source("letter", datastore_path="examples/letter.txt")]
    assert is_taken(door, rule, "shout", inputs, outputs) is (place in ALLOWED[rule][1])


@pytest.mark.parametrize("place", ["constant_value", "environment_variable_name"])
def test_constants_and_variables_are_for_inputs_alone(door: Door, place: str) -> None:
    with pytest.raises(TypeError):
        door.target("area", **{place: "EXAMPLE"})
    body = {
        "pipeline_name": door.pipeline("area"),
        "name": f"refused-{uuid.uuid4().hex[:8]}",
        "outputs_mapping": [{"pipeline_output_name": "area", place: "EXAMPLE"}],
    }
    api = f"{door.server.url}/api/v1"
    token = {"refresh_token": door.server.token}
    access = httpx.post(f"{api}/auth/refresh", json=token).json()["access_token"]
    headers = {"authorization": f"Bearer {access}"}
    assert httpx.post(f"{api}/endpoints", json=body, headers=headers).status_code == 400


def test_deployments_of_one_pipeline_have_constants_of_their_own(door: Door) -> None:
    def square(side: int) -> list[Any]:
        return [door.source(name, constant_value=side) for name in ("width", "height")]

    three = door.deploy("area", inputs_mapping=square(3))
    nine = door.deploy("area", inputs_mapping=square(9))
    assert door.call(three) == {"area": 9}
    assert door.call(nine) == {"area": 81}
    assert door.run("area", inputs_mapping=square(2)) == {"area": 4}


def test_a_constant_may_have_every_type_but_file(door: Door) -> None:
    values = {"text": "a", "number": 0, "flag": False, "record": {"a": [1]}, "items": [None, 2]}
    mapping = [door.source(name, constant_value=value) for name, value in values.items()]
    assert door.call(door.deploy("repeat", inputs_mapping=mapping)) == values
    with pytest.raises(Exception, match="file"):
        door.deploy("shout", inputs_mapping=[door.source("letter", constant_value="a.txt")])


def test_an_endpoint_may_call_inputs_and_outputs_by_other_names(door: Door, axios: Axios) -> None:
    endpoint = door.deploy(
        "area",
        inputs_mapping=[
            door.source("width", endpoint_input_name="long_side"),
            door.source("height", endpoint_input_name="short_side"),
        ],
        outputs_mapping=[door.target("area", endpoint_output_name="size")],
    )
    sides = {"long_side": 8, "short_side": 2}
    assert door.call(endpoint, sides) == {"size": 16}
    assert axios(door.url(endpoint), endpoint["endpoint_token"], sides) == {"size": 16}
    json_sides = ("-H", "Content-Type: application/json", "-d", '{"long_side": 8, "short_side": 3}')
    assert door.curl(endpoint, *json_sides) == {"size": 24}
    with pytest.raises(Exception, match="width"):
        door.call(endpoint, {"width": 8, "height": 2})


def test_other_names_are_there_for_each_type_and_for_one_file(door: Door) -> None:
    values = {"text": "a", "number": 1.5, "flag": True, "record": {"a": None}, "items": []}
    endpoint = door.deploy(
        "repeat",
        inputs_mapping=[door.source(name, endpoint_input_name=f"in_{name}") for name in values],
        outputs_mapping=[door.target(name, endpoint_output_name=f"out_{name}") for name in values],
    )
    sent = {f"in_{name}": value for name, value in values.items()}
    assert door.call(endpoint, sent) == {f"out_{name}": value for name, value in values.items()}
    files = door.deploy(
        "shout",
        inputs_mapping=[door.source("letter", endpoint_input_name="paper")],
        outputs_mapping=[door.target("loud", endpoint_output_name="cry")],
    )
    answer = httpx.post(
        door.url(files),
        files={"paper": ("note.txt", b"quiet")},
        headers={"Authorization": f"EndpointToken {files['endpoint_token']}"},
        timeout=60,
    )
    assert answer.content == b"QUIET"


@pytest.fixture
def sides(door: Door) -> Iterator[tuple[str, str]]:
    """Two variables, set as numbers."""
    suffix = uuid.uuid4().hex[:8]
    names = (f"EXAMPLE_WIDTH_{suffix}", f"EXAMPLE_HEIGHT_{suffix}")
    for name, value in zip(names, (6, 4), strict=True):
        door.sdk.create_or_update_environment_variable(
            environment_variable_name=name, environment_variable_value=value
        )
    yield names
    for name in names:
        door.own.delete_environment_variable(name)


def test_variables_feed_inputs_with_the_value_of_the_moment(
    door: Door, sides: tuple[str, str]
) -> None:
    mapping = [
        door.source("width", environment_variable_name=sides[0]),
        door.source("height", environment_variable_name=sides[1]),
    ]
    endpoint = door.deploy("area", inputs_mapping=mapping)
    assert door.call(endpoint) == {"area": 24}
    # What is sent besides changes nothing: nothing of it is asked for.
    assert door.call(endpoint, {"long_side": 100, "short_side": 100}) == {"area": 24}
    door.sdk.create_or_update_environment_variable(sides[0], 60)
    assert door.call(endpoint) == {"area": 240}
    assert door.run("area", inputs_mapping=mapping) == {"area": 240}


def test_code_reads_variables_by_itself(door: Door, sides: tuple[str, str]) -> None:
    assert door.run("lookup", inputs={"name": sides[0]}) == {"value": "6"}


def test_files_go_from_the_data_store_and_to_it(door: Door) -> None:
    path = f"examples/{uuid.uuid4().hex}.txt"
    mapping: dict[str, Any] = {
        "inputs_mapping": [door.source("letter", datastore_path="examples/letter.txt")],
        "outputs_mapping": [door.target("loud", datastore_path=path)],
    }
    for execute in (
        lambda: door.run("shout", **mapping),
        lambda: door.call(door.deploy("shout", **mapping)),
    ):
        execute()
        stored = io.BytesIO()
        door.sdk.download_data_store_object(path, stored)
        assert stored.getvalue() == b"HELLO"
        door.sdk.delete_data_store_object(path)


def test_a_schedule_takes_files_from_the_data_store_and_puts_them_there(door: Door) -> None:
    early_in_a_minute()
    folder = f"examples/{uuid.uuid4().hex}"
    deployment = door.deploy(
        "shout",
        "periodic",
        schedule="* * * * *",
        inputs_mapping=[door.source("letter", datastore_path="examples/letter.txt")],
        outputs_mapping=[door.target("loud", datastore_path=f"{folder}/{{execution_id}}")],
    )
    execution_id = door.fired(deployment)
    door.own.retrieve_pipeline_execution_outputs(execution_id)
    stored = io.BytesIO()
    door.sdk.download_data_store_object(f"{folder}/{execution_id}", stored)
    assert stored.getvalue() == b"HELLO"


def test_what_is_void_gives_none_and_takes_anything(door: Door) -> None:
    nothing = [door.source(name, is_null=True) for name in ("width", "height")]
    dropped = [door.target("area", is_null=True)]
    assert door.call(door.deploy("area", inputs_mapping=nothing, outputs_mapping=dropped)) == {}
    assert door.call(door.deploy("area", inputs_mapping=nothing)) == {"area": None}


def test_a_schedule_leaves_no_input_and_no_output_open(door: Door) -> None:
    inputs = [door.source(name, constant_value=1) for name in ("width", "height")]
    outputs = [door.target("area", is_null=True)]
    for mapping, missing in (
        ({"inputs_mapping": inputs[:1], "outputs_mapping": outputs}, "height"),
        ({"inputs_mapping": inputs}, "area"),
    ):
        with pytest.raises(Exception, match=missing):
            door.deploy("area", "periodic", schedule="0 0 1 1 *", **mapping)
    whole = {"inputs_mapping": inputs, "outputs_mapping": outputs}
    assert door.deploy("area", "periodic", schedule="0 0 1 1 *", **whole)["status"] == "up"
