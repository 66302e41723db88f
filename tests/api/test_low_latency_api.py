"""Low-latency deployments over HTTP: what can be asked for, and what is shown."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from tests.api.conftest import NOTHING, PERIODIC, check_error, periodic_body
from tests.overdue import forget

from headrace import HeadraceSdk

pytestmark = pytest.mark.system

Create = Callable[..., dict[str, Any]]
OPTIONS = {
    "enable_parallel_executions": True,
    "max_parallel_executions_per_pod": 3,
    "ram_request": "512MiB",
    "gpu_request": 0,
    "pods": 2,
    "idle_timeout_s": 90,
    "max_queue": 7,
}


@pytest.fixture
def name(sdk: HeadraceSdk, periodic_pipelines: None) -> Iterator[str]:
    """A name for a deployment, which is deleted afterwards."""
    chosen = f"warm-{uuid.uuid4().hex[:8]}"
    yield chosen
    forget(sdk, chosen)


@pytest.fixture
def create(http: httpx.Client, name: str) -> Create:
    """Creates the endpoint ``name``, waits until it is up, and returns it."""

    def post(**fields: Any) -> dict[str, Any]:
        answer = http.post("/endpoints", json=body_of(name, **fields))
        assert answer.status_code == 201, answer.text
        return waited(http, name)

    return post


def body_of(name: str, **fields: Any) -> dict[str, Any]:
    return {"pipeline_name": NOTHING, "name": name, "mode": "low_latency", **fields}


def waited(http: httpx.Client, name: str) -> dict[str, Any]:
    answer = http.get(f"/deployments/{name}", params={"wait_for_completion": "true"})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def change(http: httpx.Client, name: str, **fields: Any) -> dict[str, Any]:
    answer = http.patch(f"/deployments/{name}", json=fields)
    assert answer.status_code == 200, answer.text
    return waited(http, name)


def test_what_is_promised_is_shown(http: httpx.Client, create: Create, name: str) -> None:
    answer = http.post("/endpoints", json=body_of(name))
    assert answer.json()["status"] == "creation_pending"
    shown = waited(http, name)
    assert (shown["mode"], shown["status"]) == ("low_latency", "up")
    assert [pod["status"] for pod in shown["pods"]] == ["up"]
    assert all(set(pod) == {"pod_id", "status"} for pod in shown["pods"])
    assert shown["enable_parallel_executions"] is False
    assert "max_parallel_executions_per_pod" not in shown
    assert (shown["pods_wanted"], shown["max_queue"], shown["ram_request"]) == (1, 1000, None)
    listed = {item["name"]: item for item in http.get("/deployments").json()}[name]
    assert (listed["mode"], listed["status"]) == ("low_latency", "up")


def test_options_are_kept_and_changed(http: httpx.Client, create: Create, name: str) -> None:
    shown = create(**OPTIONS)
    kept = {**OPTIONS, "pods": 2}
    assert {key: shown[key] for key in kept if key != "pods"} == {
        key: value for key, value in kept.items() if key != "pods"
    }
    assert len(shown["pods"]) == shown["pods_wanted"] == 2
    ids = {pod["pod_id"] for pod in shown["pods"]}

    shown = change(http, name, ram_request="1048576KiB", idle_timeout_s=0, max_queue=1, pods=1)
    assert (shown["ram_request"], shown["idle_timeout_s"], shown["max_queue"]) == ("1GiB", None, 1)
    assert {pod["pod_id"] for pod in shown["pods"]} < ids
    assert shown["max_parallel_executions_per_pod"] == 3
    shown = change(http, name, max_parallel_executions_per_pod=4)
    assert shown["max_parallel_executions_per_pod"] == 4
    assert {pod["pod_id"] for pod in shown["pods"]} < ids
    shown = change(http, name, enable_parallel_executions=False)
    assert "max_parallel_executions_per_pod" not in shown
    assert not {pod["pod_id"] for pod in shown["pods"]} & ids
    shown = change(http, name, enable_parallel_executions=True)
    assert shown["max_parallel_executions_per_pod"] == 6


def test_a_periodic_one_has_pods_too(http: httpx.Client, name: str) -> None:
    body = periodic_body(name, mode="low_latency", pods=1, overlap="queue_one")
    assert http.post(PERIODIC, json=body).status_code == 201
    shown = waited(http, name)
    assert (shown["status"], len(shown["pods"])) == ("up", 1)
    assert shown["schedule"] == "0 3 * * *"
    assert "endpoint_token" not in shown


def test_a_disabled_one_has_no_pods(http: httpx.Client, create: Create, name: str) -> None:
    shown = create(is_enabled=False)
    assert (shown["status"], shown["pods"]) == ("disabled", [])
    shown = change(http, name, is_enabled=True)
    assert (shown["status"], len(shown["pods"])) == ("up", 1)


WRONG: list[tuple[dict[str, Any], list[str]]] = [
    ({"pods": 0}, ["pods", "1 to 64", "not 0"]),
    ({"pods": 65}, ["pods", "64"]),
    ({"pods": 1.5}, ["pods", "whole number", "1.5"]),
    ({"pods": True}, ["pods", "True"]),
    ({"pods": "2"}, ["pods", "'2'"]),
    ({"pods": [2]}, ["pods"]),
    ({"enable_parallel_executions": "yes"}, ["enable_parallel_executions", "true or false"]),
    ({"enable_parallel_executions": 1}, ["enable_parallel_executions"]),
    (
        {"enable_parallel_executions": True, "max_parallel_executions_per_pod": 0},
        ["max_parallel_executions_per_pod", "1 to 1,000"],
    ),
    (
        {"enable_parallel_executions": True, "max_parallel_executions_per_pod": 1001},
        ["max_parallel_executions_per_pod"],
    ),
    ({"max_parallel_executions_per_pod": 2}, ["enable_parallel_executions"]),
    (
        {"enable_parallel_executions": False, "max_parallel_executions_per_pod": 2},
        ["max_parallel_executions_per_pod", "enable_parallel_executions"],
    ),
    ({"ram_request": "512"}, ["ram_request", "512MiB"]),
    ({"ram_request": "512MB"}, ["ram_request"]),
    ({"ram_request": "1.5GiB"}, ["ram_request"]),
    ({"ram_request": "-1GiB"}, ["ram_request"]),
    ({"ram_request": "1KiB"}, ["ram_request", "32MiB"]),
    ({"ram_request": 536870912}, ["ram_request"]),
    ({"ram_request": "9" * 5000 + "GiB"}, ["ram_request"]),
    ({"gpu_request": 1}, ["gpu_request", "no GPU"]),
    ({"gpu_request": -1}, ["gpu_request"]),
    ({"gpu_request": "0"}, ["gpu_request"]),
    ({"gpu_request": False}, ["gpu_request"]),
    ({"idle_timeout_s": -1}, ["idle_timeout_s", "seconds"]),
    ({"idle_timeout_s": "60"}, ["idle_timeout_s"]),
    ({"idle_timeout_s": 1e12}, ["idle_timeout_s"]),
    ({"idle_timeout_s": True}, ["idle_timeout_s"]),
    ({"max_queue": 0}, ["max_queue"]),
    ({"max_queue": 10**7}, ["max_queue", "1,000,000"]),
    ({"max_queue": 10**400}, ["max_queue"]),
    ({"max_queue": None, "pods": {}}, ["pods"]),
]


@pytest.mark.parametrize(("fields", "words"), WRONG)
def test_options_that_cannot_be_are_refused_with_their_name(
    http: httpx.Client, name: str, fields: dict[str, Any], words: list[str]
) -> None:
    for path, body in (
        ("/endpoints", body_of(name, **fields)),
        (PERIODIC, periodic_body(name, mode="low_latency", **fields)),
    ):
        error = check_error(http.post(path, json=body), 400)
        assert error["name"] == "InvalidRequest"
        for word in words:
            assert word in error["message"]
    check_error(http.get(f"/deployments/{name}"), 404)


def test_a_change_that_cannot_be_changes_nothing(
    http: httpx.Client, create: Create, name: str
) -> None:
    before = create()
    for fields, words in [*WRONG, ({"replace_pods": "yes"}, ["replace_pods"])]:
        if fields == {"enable_parallel_executions": False, "max_parallel_executions_per_pod": 2}:
            continue
        error = check_error(http.patch(f"/deployments/{name}", json=fields), 400)
        for word in words:
            assert word in error["message"]
    assert waited(http, name) == before


@pytest.mark.parametrize(("key", "value"), OPTIONS.items())
def test_options_of_pods_are_refused_of_an_elastic_deployment(
    http: httpx.Client, name: str, key: str, value: Any
) -> None:
    for mode in ({"mode": "elastic"}, {"mode": None}):
        error = check_error(
            http.post("/endpoints", json=body_of(name, **mode, **{key: value})), 400
        )
        assert key in error["message"]
        assert "low_latency" in error["message"]


def test_an_elastic_deployment_has_no_pods_to_change(http: httpx.Client, name: str) -> None:
    assert http.post("/endpoints", json=body_of(name, mode="elastic")).status_code == 201
    for fields in ({"pods": 2}, {"replace_pods": True}, {"ram_request": "1GiB"}):
        error = check_error(http.patch(f"/deployments/{name}", json=fields), 400)
        assert "elastic" in error["message"]
    shown = waited(http, name)
    assert not {"pods", "enable_parallel_executions", "is_changing"} & set(shown)
    assert http.post(f"/deployments/{name}/logs", json={}).json() == []


@pytest.mark.parametrize("mode", ["lowlatency", "", 5, ["elastic"]])
def test_modes_are_two(http: httpx.Client, name: str, mode: Any) -> None:
    error = check_error(http.post("/endpoints", json=body_of(name, mode=mode)), 400)
    assert "'elastic' or 'low_latency'" in error["message"]


def test_the_log_has_the_lines_of_each_pod(http: httpx.Client, create: Create, name: str) -> None:
    pods = {pod["pod_id"] for pod in create(pods=2)["pods"]}
    path = f"/deployments/{name}/logs"
    lines = http.post(path, json={}).json()
    assert all(set(line) == {"timestamp", "message", "stream", "pod_id", "type"} for line in lines)
    assert {line["pod_id"] for line in lines} == pods
    assert {line["type"] for line in lines} == {"deployment"}
    assert http.post(path, json={"limit": 1}).json() == lines[:1]
    assert http.post(path, json={"to": 1}).json() == []
    check_error(http.post(path, json={"limit": "many"}), 400)
    check_error(http.post(f"/deployments/{name}x/logs", json={}), 404)
