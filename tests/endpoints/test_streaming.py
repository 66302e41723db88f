"""Functions that yield, called by those who read along and by those who do not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import RunningServer, wait_until
from tests.warm import SIGNATURES, Endpoint, Maker, maker

from headrace import InputSource

pytestmark = pytest.mark.system

SOURCE = '''\
import asyncio
import time
from pathlib import Path


def items(what, argument):
    """Yield numbers, waiting before each for the file of its name."""
    folder = Path(argument) if what == "wait" else None
    for number in range(3):
        while folder and not (folder / str(number)).exists():
            time.sleep(0.005)
        if what == "fail" and number == 2:
            raise ValueError("no luck")
        yield {"number": number}


async def items_async(what, argument):
    for item in items(what, argument):
        await asyncio.sleep(0)
        yield item
'''
ITEMS = [{"number": number} for number in range(3)]
EVENTS = {"Accept": "text/event-stream"}

for function in ("items", "items_async"):
    SIGNATURES[function] = (SIGNATURES["do"][0], SIGNATURES["do"][1])


@pytest.fixture(scope="module")
def make(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Maker]:
    with maker(server, tmp_path_factory.mktemp("stream")) as made:
        yield made


@pytest.fixture(scope="module")
def endpoint(make: Maker) -> Endpoint:
    return make.endpoint(pipeline=make.pipeline("items", SOURCE))


def stream_of(endpoint: Endpoint, what: str, argument: Any = None) -> Any:
    headers = {"Authorization": f"EndpointToken {endpoint.token}", **EVENTS}
    body = {"what": what, "argument": argument}
    return endpoint.http.stream("POST", endpoint.url, json=body, headers=headers)


def events(answer: httpx.Response) -> Iterator[tuple[str, Any]]:
    """Yield the name and the data of each event, as it comes."""
    name = ""
    for line in answer.iter_lines():
        key, _, value = line.partition(": ")
        if key == "event":
            name = value
        elif key == "data":
            yield name, json.loads(value)


def test_items_come_while_the_function_runs(
    make: Maker, endpoint: Endpoint, tmp_path: Path
) -> None:
    with stream_of(endpoint, "wait", str(tmp_path)) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        execution_id = answer.headers["craft-ai-execution-id"]
        # On record before its first item.
        assert make.execution(execution_id)["status"] in {"Pending", "Running"}
        found = events(answer)
        for number, item in enumerate(ITEMS):
            (tmp_path / str(number)).touch()
            assert next(found) == ("", item)
        assert list(found) == [("end", {"execution_id": execution_id, "outputs": {"value": ITEMS}})]
    recorded = make.execution(execution_id)
    assert (recorded["status"], recorded["outputs"][0]["value"]) == ("Succeeded", ITEMS)


def test_a_failure_is_the_last_event(make: Maker, endpoint: Endpoint) -> None:
    with stream_of(endpoint, "fail") as answer:
        *items, (name, error) = events(answer)
    assert items == [("", item) for item in ITEMS[:2]]
    assert (name, error["name"]) == ("error", "PipelineExecutionFailed")
    assert error["message"] == "ValueError: no luck"
    found = make.execution(error["additional_data"]["execution_id"])
    assert (found["status"], found["failure"]["kind"]) == ("Failed", "user_error")


def test_who_does_not_read_along_gets_a_list(make: Maker, endpoint: Endpoint) -> None:
    assert endpoint.do("count") == ITEMS
    asynchronous = make.endpoint(
        pipeline=make.pipeline("items_async", SOURCE), enable_parallel_executions=True
    )
    assert asynchronous.do("count") == ITEMS
    with stream_of(asynchronous, "count") as answer:
        assert [data for _, data in events(answer)][:3] == ITEMS
    result = make.sdk.trigger_endpoint(endpoint.name, endpoint.token, {"what": "count"})
    assert result["outputs"] == {"value": ITEMS}


def test_a_function_that_yields_nothing_has_only_the_last_event(make: Maker) -> None:
    plain = make.endpoint("do")
    with stream_of(plain, "give", [1]) as answer:
        ((name, end),) = events(answer)
    assert (name, end["outputs"]) == ("end", {"value": [1]})
    elastic = make.endpoint("do", mode="elastic")
    answer = elastic.post({"what": "give", "argument": [1]}, headers=EVENTS)
    assert answer.json()["outputs"] == {"value": [1]}


def test_a_call_goes_on_when_its_reader_has_left(
    make: Maker, endpoint: Endpoint, tmp_path: Path
) -> None:
    with stream_of(endpoint, "wait", str(tmp_path)) as answer:
        execution_id = answer.headers["craft-ai-execution-id"]
        (tmp_path / "0").touch()
        assert next(events(answer)) == ("", ITEMS[0])
    for number in (1, 2):
        (tmp_path / str(number)).touch()
    wait_until(lambda: make.execution(execution_id)["status"] == "Succeeded")
    assert make.execution(execution_id)["outputs"][0]["value"] == ITEMS


def test_what_cannot_begin_is_answered_as_any_other_call(make: Maker, endpoint: Endpoint) -> None:
    answer = endpoint.post({"argument": 1}, headers=EVENTS)
    assert (answer.status_code, answer.json()["name"]) == (400, "InvalidValue")
    variable = make.endpoint(
        pipeline=make.pipeline("items", SOURCE),
        inputs_mapping=[InputSource("what", environment_variable_name="WARM_ABSENT")],
    )
    answer = variable.post({}, headers=EVENTS)
    assert (answer.status_code, answer.json()["name"]) == (400, "PipelineExecutionFailed")
    assert answer.json()["additional_data"]["failure"] == "bad_input"
    assert [item["status"] for item in make.executions(variable.name)] == ["Failed"]
