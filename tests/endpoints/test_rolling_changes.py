"""Deployments whose version changes while they are called: each answer is of the one it says."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import RunningServer, wait_until
from tests.rolling import Load, Versions
from tests.warm import Endpoint, Maker, maker

from headrace import Input, Output

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def make(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Maker]:
    with maker(server, tmp_path_factory.mktemp("rolling")) as made:
        yield made


@pytest.mark.parametrize(
    ("options", "changes"),
    [({}, 10), ({"pods": 2}, 3), ({"enable_parallel_executions": True}, 3)],
    ids=["one pod", "two pods", "parallel"],
)
def test_changes_under_load_fail_no_call_and_each_answer_is_of_the_version_it_says(
    server: RunningServer, versions: Versions, options: dict[str, Any], changes: int
) -> None:
    load = Load(versions.endpoint(**options))
    try:
        load.until(100)
        for number in range(changes):
            # Going back and forth are changes as well, and need no build.
            version = versions.deploy() if number < 2 else versions.go_to(1 + number % 3)
            load.until_made_by(version, 20)
    finally:
        load.end()
    load.check(server.data_dir / "headrace.db")
    assert {made for _, made in load.answers} == {1, 2, 3}


def test_what_runs_and_what_waits_over_a_change_is_made_by_its_own_version(
    make: Maker, versions: Versions, tmp_path: Path
) -> None:
    endpoint = versions.endpoint()
    place = tmp_path / "place"
    body = {"n": 1, "place": str(place)}
    with ThreadPoolExecutor(2) as threads:
        # Two for the only pod, one of which waits in its queue; the others wait in the database.
        held = [threads.submit(endpoint.post, body) for _ in range(2)]
        wait_until(lambda: running_and_waiting(make, endpoint) == (1, 1), what="one waits")
        async_too = {"Prefer": "respond-async"}
        later = [endpoint.post(body, headers=async_too).json() for _ in range(5)]
        versions.deploy()
        versions.until_up(endpoint)
        assert made_by(endpoint) == 2
        place.touch()
        assert [each.result(60).json()["outputs"]["made"] for each in held] == [1, 1]
    for each in later:
        answer = endpoint.http.get(each["results_url"], follow_redirects=True)
        assert answer.headers["headrace-version"] == "1"
        assert answer.json()["outputs"]["made"] == 1
        shown = make.execution(each["execution_id"])
        assert (shown["status"], shown["pipeline_version"]["version"]) == ("Succeeded", 1)


@pytest.mark.parametrize("mode", ["low_latency", "elastic"])
def test_every_way_to_call_says_the_version(versions: Versions, mode: str) -> None:
    """The short way and the long one, recorded first, streamed, at once, and with a client."""
    endpoint = versions.endpoint(mode=mode)
    key = {"Idempotency-Key": "a"}
    at_once = {"Prefer": "respond-async"}
    ways = [{}, {"Prefer": "wait=20"}, key, {"Accept": "text/event-stream"}, at_once]
    for more in [*ways, {"craft-ai-client": "craft-ai-sdk@0.74.7"}]:
        answer = endpoint.post({"n": 1}, headers=more)
        assert answer.headers["headrace-version"] == "1", more
    versions.deploy()
    wait_until(lambda: made_by(endpoint) == 2, what="version 2 answers")
    # A key of an earlier call is answered with what made that.
    for more in (key, key | at_once):
        assert endpoint.post({"n": 1}, headers=more).headers["headrace-version"] == "1"
    late = endpoint.post({"n": 1}, headers=at_once)
    found = endpoint.http.get(late.headers["location"], follow_redirects=True)
    assert late.headers["headrace-version"] == found.headers["headrace-version"] == "2"
    failed = endpoint.post({"n": -1})
    assert (failed.status_code, failed.headers["headrace-version"]) == (500, "2")
    assert failed.json()["additional_data"]["pipeline_version"] == 2


@pytest.mark.parametrize("mode", ["low_latency", "elastic"])
def test_a_caller_may_ask_for_a_version(make: Maker, versions: Versions, mode: str) -> None:
    endpoint = versions.endpoint(mode=mode)
    versions.deploy(
        "def fn(m, more=5):\n    return {{'made': {number}, 'm': m + more}}\n",
        inputs=[Input("m", "number"), Input("more", "number")],
        outputs=[Output("made", "number"), Output("m", "number")],
        force=True,
    )
    wait_until(lambda: endpoint.post({"m": 1}).status_code == 200, what="version 2 answers")

    def asked(version: str, body: Any, **more: str) -> httpx.Response:
        return endpoint.post(body, headers={"Headrace-Version": version, **more})

    # Each with its own inputs and outputs, whatever the pods have.
    first, second = asked("1", {"n": 3}), asked("2", {"m": 3})
    assert (first.json()["outputs"]["made"], first.json()["outputs"]["n"]) == (1, 3)
    assert second.json()["outputs"] == {"made": 2, "m": 8}
    assert [each.headers["headrace-version"] for each in (first, second)] == ["1", "2"]
    shown = make.execution(first.json()["execution_id"])
    assert shown["pipeline_version"]["version"] == 1
    assert asked("1", {"m": 3}).status_code == 400
    unknown = asked("9", {"n": 1})
    assert (unknown.status_code, "no version 9; its versions are 1 to 2" in unknown.text) == (
        404,
        True,
    )
    for wrong in ("latest", "0", "-1", "1.0", "", "9" * 30):
        refused = asked(wrong, {"n": 1})
        assert (refused.status_code, "such as 3" in refused.text) == (400, True), wrong
    at_once = asked("1", {"n": 3}, Prefer="respond-async")
    found = endpoint.http.get(at_once.headers["location"], follow_redirects=True)
    assert found.json()["outputs"]["made"] == 1


def test_a_version_that_could_not_be_built_makes_no_call(versions: Versions) -> None:
    endpoint = versions.endpoint()
    with pytest.raises(Exception, match="no_such_module"):
        versions.deploy(prelude="import no_such_module")
    refused = endpoint.post({"n": 1}, headers={"Headrace-Version": "2"})
    assert refused.status_code == 409
    assert "Version 2" in refused.json()["message"]
    assert made_by(endpoint) == 1


def test_a_renamed_input_is_read_by_the_version_that_makes_the_call(
    server: RunningServer, versions: Versions
) -> None:
    """Callers of either version go on: each is answered by it, or refused by the other one."""
    endpoint = versions.endpoint()
    source = "def fn({name}):\n    return {{{{'made': {{number}}, 'n': {name}}}}}\n"
    outputs = [Output("made", "number"), Output("n", "number")]
    answered: list[tuple[str, str, int]] = []
    wrong: list[Any] = []
    is_over = False

    def call_on(name: str, version: int) -> None:
        number = 0
        while not is_over:
            number += 1
            answer = endpoint.post({name: number})
            if answer.status_code == 200:
                made = answer.json()["outputs"]
                answered.append((answer.json()["execution_id"], name, made["made"]))
                if made["n"] != number or made["made"] % 2 != version:
                    wrong.append(made)
            elif answer.status_code != 400 or f"{name!r}" not in answer.json()["message"]:
                wrong.append(answer.text)

    with ThreadPoolExecutor(8) as threads:
        work = [
            threads.submit(call_on, *which) for which in [("n", 1), ("other", 0)] for _ in range(4)
        ]
        try:
            for name in ("other", "n", "other"):
                text = source.format(name=name)
                number = versions.deploy(text, [Input(name, "number")], outputs, force=True)
                wait_until(
                    lambda at=number: wrong or (answered and answered[-1][2] == at),  # type: ignore[misc]
                    what="it answers",
                )
        finally:
            is_over = True
            for each in work:
                each.result(60)
    assert wrong == []
    for execution_id, name, made in answered[:: max(1, len(answered) // 20)]:
        shown = versions.make.execution(execution_id)
        assert next(item["step_input_name"] for item in shown["inputs"]) == name
        assert shown["pipeline_version"]["version"] == made


def test_streams_go_on_over_a_change(versions: Versions, tmp_path: Path) -> None:
    source = """
import time
from pathlib import Path

def fn(place):
    yield {number}
    while not Path(place).exists():
        time.sleep(0.005)
    yield {number}
"""
    place = tmp_path / "place"
    signature = [Input("place", "string")], [Output("items", "array")]
    versions.deploy(source, *signature)
    endpoint = versions.endpoint()
    headers = {"Authorization": f"EndpointToken {endpoint.token}", "Accept": "text/event-stream"}
    body = {"place": str(place)}
    with endpoint.http.stream("POST", endpoint.url, json=body, headers=headers) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "data: 2"
        versions.deploy(source, *signature)
        versions.until_up(endpoint)
        place.touch()
        assert endpoint.post(body).json()["outputs"] == {"items": [3, 3]}
        assert [line for line in lines if line.startswith("data: 2")] == ["data: 2"]
        assert answer.headers["headrace-version"] == "2"


def test_pods_that_sleep_wake_with_the_version_that_is_current(
    make: Maker, versions: Versions
) -> None:
    endpoint = versions.endpoint(idle_timeout_s=1)
    wait_until(lambda: status(make, endpoint) == "standby", what="pods sleep")
    versions.deploy()
    versions.until_up(endpoint)
    wait_until(lambda: status(make, endpoint) == "standby", what="pods sleep again")
    assert made_by(endpoint) == 2


def test_a_disabled_deployment_comes_back_with_the_version_that_is_current(
    make: Maker, versions: Versions, tmp_path: Path
) -> None:
    """What waited meanwhile is made by the version that it was accepted with."""
    endpoint = versions.endpoint()
    body = {"n": 1, "place": str(tmp_path / "place")}
    runs, waits = (endpoint.post(body, headers={"Prefer": "respond-async"}) for _ in range(2))
    wait_until(lambda: running_and_waiting(make, endpoint)[0] == 1, what="one runs")
    make.sdk.update_deployment(endpoint.name, is_enabled=False)
    (tmp_path / "place").touch()
    versions.deploy()
    assert endpoint.post({"n": 1}).status_code == 409
    make.sdk.update_deployment(endpoint.name, is_enabled=True)
    assert made_by(endpoint) == 2
    for accepted in (runs, waits):
        found = endpoint.http.get(accepted.headers["location"], follow_redirects=True)
        assert found.json()["outputs"]["made"] == 1


def test_of_two_changes_right_after_each_other_the_last_one_holds(versions: Versions) -> None:
    endpoint = versions.endpoint()
    load = Load(endpoint)
    try:
        load.until(20)
        versions.deploy()
        versions.make.sdk.rollback_pipeline(versions.name)
        versions.make.sdk.rollback_pipeline(versions.name, 2)
        third = versions.deploy()
        load.until_made_by(third, 20)
    finally:
        load.end()
    assert load.failed == []
    versions.until_up(endpoint)


def test_an_elastic_endpoint_has_no_cold_call_by_a_change(versions: Versions) -> None:
    endpoint = versions.endpoint(mode="elastic")
    assert made_by(endpoint) == 1
    for change in (versions.deploy, lambda: versions.make.sdk.rollback_pipeline(versions.name)):
        change()
        before = time.time()
        assert endpoint.post({"n": 1}).json()["outputs"]["imported"] < before


def made_by(endpoint: Endpoint) -> int:
    """Return the version that makes a call now."""
    answer = endpoint.post({"n": 1})
    assert answer.status_code == 200, answer.text
    made: int = answer.json()["outputs"]["made"]
    assert answer.headers["headrace-version"] == str(made)
    return made


def status(make: Maker, endpoint: Endpoint) -> str:
    found: str = make.sdk.get_deployment(endpoint.name)["status"]
    return found


def running_and_waiting(make: Maker, endpoint: Endpoint) -> tuple[int, int]:
    found = make.sdk.get_deployment(endpoint.name)
    return found["running"], found["waiting"]
