"""Executions that are run again, over plain HTTP."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.api.conftest import check_error, mapped, periodic_body
from tests.conftest import RunningServer, files_below, wait_until

from headrace import HeadraceSdk
from headrace.wire import routes

pytestmark = [pytest.mark.system, pytest.mark.usefixtures("pipelines")]

Ended = Callable[[str], dict[str, Any]]


@pytest.fixture
def rerun(http: httpx.Client) -> Callable[..., httpx.Response]:
    """Asks for a rerun: ``rerun(id, number=4, code="original")``."""

    def ask(execution_id: str, /, code: str = "current", **inputs: Any) -> httpx.Response:
        return http.post(
            f"/executions/{execution_id}/rerun",
            params={"code": code},
            data={"json_inputs": json.dumps(inputs)},
        )

    return ask


def values(execution: dict[str, Any], noun: str = "input") -> dict[str, Any]:
    return {item[f"pipeline_{noun}_name"]: item["value"] for item in execution[f"{noun}s"]}


def test_recorded_values_are_used_again(
    run: Callable[..., str], ended: Ended, rerun: Callable[..., httpx.Response]
) -> None:
    given = {"number": 1.5, "text": "ü", "flag": False, "record": {"a": [None]}, "items": []}
    first = ended(run("echo", **given))
    answer = rerun(first["execution_id"])
    assert answer.status_code == 201, answer.text
    body = answer.json()
    second = ended(body["execution_id"])
    assert body == {
        "execution_id": second["execution_id"],
        "rerun_of": first["execution_id"],
        "pipeline_name": "api-echo",
        "deployment_name": None,
        "code": "current",
        "version": 1,
        "original_version": 1,
        "notes": [],
    }
    assert second["status"] == "Succeeded"
    assert values(second, "output") == values(first, "output") == {**given, "document": None}
    assert values(second) == values(first)
    assert (first["rerun_of"], second["rerun_of"]) == (None, first["execution_id"])
    assert second["newest_rerun"] is None


def test_both_records_and_the_list_say_it(
    http: httpx.Client,
    run: Callable[..., str],
    ended: Ended,
    rerun: Callable[..., httpx.Response],
) -> None:
    first = run("echo", number=1)
    ended(first)
    reruns = [rerun(first, code=code).json()["execution_id"] for code in ("original", "1")]
    assert ended(first)["newest_rerun"] == reruns[1]
    found = http.get("/executions", params={"pipeline_name": "api-echo", "version": 1}).json()
    of = {item["execution_id"]: (item["version"], item["rerun_of"]) for item in found["items"]}
    assert [of[one] for one in reruns] == [(1, first), (1, first)]
    none = http.get("/executions", params={"pipeline_name": "api-echo", "version": 2}).json()
    assert none["items"] == []
    check_error(http.get("/executions", params={"version": 2}), 400)


def test_a_value_takes_the_place_of_the_recorded_one(
    run: Callable[..., str], ended: Ended, rerun: Callable[..., httpx.Response]
) -> None:
    first = run("echo", number=1, text="kept")
    ended(first)
    second = ended(rerun(first, number=2).json()["execution_id"])
    assert values(second, "output")["number"] == 2
    assert values(second, "output")["text"] == "kept"


def test_a_recorded_file_is_used_again_and_outlives_its_execution(
    http: httpx.Client, ended: Ended, rerun: Callable[..., httpx.Response]
) -> None:
    sent = {"document": ("a.bin", b"\x00\x01\x02")}
    first = http.post("/pipelines/api-echo/run", files=sent).json()["execution_id"]
    ended(first)
    second = rerun(first).json()["execution_id"]
    assert ended(second)["status"] == "Succeeded"
    assert http.delete(f"/executions/{first}").status_code == 200
    assert http.get(f"/executions/{second}/inputs/document").content == b"\x00\x01\x02"
    assert http.get(f"/executions/{second}/outputs/document").content == b"\x02\x01\x00"
    answer = http.post(f"/executions/{second}/rerun", files={"document": ("b.bin", b"12")})
    third = ended(answer.json()["execution_id"])["execution_id"]
    assert http.get(f"/executions/{third}/outputs/document").content == b"21"


def test_a_file_that_is_gone_is_refused_in_words(
    http: httpx.Client,
    ended: Ended,
    rerun: Callable[..., httpx.Response],
    server: RunningServer,
) -> None:
    content = uuid.uuid4().bytes
    sent = {"document": ("a.bin", content)}
    first = http.post("/pipelines/api-echo/run", files=sent).json()["execution_id"]
    ended(first)
    for path in files_below(server.data_dir / "artifacts"):
        if path.is_file() and path.read_bytes() == content:
            path.unlink()
    error = check_error(rerun(first), 400)
    assert "'document'" in error["message"]
    assert "not kept any more" in error["message"]
    assert ended(first)["newest_rerun"] is None


@pytest.fixture
def variable(http: httpx.Client) -> Iterator[str]:
    name = f"RERUN_{uuid.uuid4().hex[:8].upper()}"
    yield name
    http.delete(f"/environment-variables/{name}")


def test_a_secret_is_read_anew_and_refused_if_it_is_gone(
    http: httpx.Client, variable: str, ended: Ended, rerun: Callable[..., httpx.Response]
) -> None:
    def put(value: str) -> None:
        body = {"environment_variables": {variable: value}}
        assert http.put("/environment-variables", json=body).status_code == 200

    put("abc")
    source = [mapped("value", "input", environment_variable_name=variable)]
    form = {"inputs_mapping": json.dumps(source)}
    first = http.post("/pipelines/api-secret/run", data=form).json()["execution_id"]
    assert values(ended(first), "output") == {"length": 3}
    put("abcdef")
    answer = rerun(first).json()
    assert variable in answer["notes"][0]
    second = ended(answer["execution_id"])
    assert values(second) == {"value": None}
    assert values(second, "output") == {"length": 6}
    http.delete(f"/environment-variables/{variable}")
    assert variable in check_error(rerun(first), 400)["message"]
    given = ended(rerun(first, value="given").json()["execution_id"])
    assert values(given, "output") == {"length": 5}


@pytest.mark.parametrize(
    ("code", "inputs", "status", "words"),
    [
        ("2", {}, 404, "no version 2"),
        ("newest", {}, 400, "code must be"),
        ("0", {}, 400, "code must be"),
        ("current", {"nothing": 1}, 400, "there is no input 'nothing'"),
        ("current", {"number": "one"}, 400, "must be of type number"),
        ("current", {"text": "x" * 70_000}, 413, "at most 60,000"),
    ],
)
def test_mistakes_are_refused_and_nothing_starts(
    run: Callable[..., str],
    ended: Ended,
    rerun: Callable[..., httpx.Response],
    code: str,
    inputs: dict[str, Any],
    status: int,
    words: str,
) -> None:
    first = run("echo", number=1)
    ended(first)
    assert words in check_error(rerun(first, code=code, **inputs), status)["message"]
    assert ended(first)["newest_rerun"] is None


@pytest.mark.parametrize(
    "sent",
    [
        {"data": {"inputs_mapping": "[]"}},
        {"data": {"json_inputs": "[1]"}},
        {"files": {"number": ("a", b"1")}},
        {"files": {"more": ("a", b"1")}},
        {"data": {"json_inputs": '{"document": 1}'}},
    ],
)
def test_bad_forms_are_refused(
    http: httpx.Client, run: Callable[..., str], ended: Ended, sent: dict[str, Any]
) -> None:
    first = run("echo", number=1)
    ended(first)
    check_error(http.post(f"/executions/{first}/rerun", **sent), 400)


def test_what_has_not_ended_is_not_run_again(
    http: httpx.Client, run: Callable[..., str], rerun: Callable[..., httpx.Response], tmp_path: Any
) -> None:
    first = run("talk", path=str(tmp_path / "never"))
    assert "has not ended" in check_error(rerun(first), 409)["message"]
    assert http.post(f"/executions/{first}/cancel").status_code == 200
    again = rerun(first)
    assert again.status_code == 201
    http.post(f"/executions/{again.json()['execution_id']}/cancel")


def test_there_is_no_such_execution(rerun: Callable[..., httpx.Response]) -> None:
    check_error(rerun("01900000-0000-7000-8000-000000000000"), 404)
    check_error(rerun("nothing"), 404)


def test_a_failed_job_is_run_again_with_its_destinations(
    http: httpx.Client,
    periodic_pipelines: None,
    name: str,
    ended: Ended,
    rerun: Callable[..., httpx.Response],
) -> None:
    """Its report goes to where it would have gone: the day is that of the execution."""
    inputs = [
        mapped("number1", "input", constant_value=1),
        mapped("number2", "input", constant_value=2),
        mapped("note", "input", is_null=True),
        mapped("document", "input", is_null=True),
    ]
    path = f"reruns/{name}/{{date_time}}.txt"
    outputs = [
        mapped("total", "output", is_null=True),
        mapped("report", "output", datastore_path=path),
    ]
    body = periodic_body(name, inputs_mapping=inputs, outputs_mapping=outputs)
    made = http.post("/periodic-deployment", json=body | {"pipeline_name": "periodic-add"})
    assert made.status_code == 201, made.text
    first = http.post(f"/deployments/{name}/executions", json={}).json()["execution_id"]
    listed = {"folder_path": f"reruns/{name}"}
    assert ended(first)["status"] == "Succeeded"
    (stored,) = http.get("/data-store/list", params=listed).json()["items"]
    http.request("DELETE", "/data-store/delete", data={"path_to_object": stored["path"]})
    second = ended(rerun(first, number1=9).json()["execution_id"])
    assert (second["status"], second["deployment_name"]) == ("Succeeded", name)
    (again,) = http.get("/data-store/list", params=listed).json()["items"]
    assert again["path"] == stored["path"]
    http.request("DELETE", "/data-store/delete", data={"path_to_object": stored["path"]})
    http.patch(f"/deployments/{name}", json={"is_enabled": False})
    assert "disabled" in check_error(rerun(first), 409)["message"]
    http.delete(f"/deployments/{name}")
    assert "was deleted" in check_error(rerun(first), 409)["message"]


def test_reruns_of_a_job_that_must_not_overlap_come_one_by_one(
    http: httpx.Client,
    periodic_pipelines: None,
    name: str,
    ended: Ended,
    rerun: Callable[..., httpx.Response],
    tmp_path: Path,
) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    source = [mapped("path", "input", constant_value=str(gate))]
    body = periodic_body(name, inputs_mapping=source, overlap="skip")
    made = http.post("/periodic-deployment", json=body | {"pipeline_name": "periodic-hold"})
    assert made.status_code == 201, made.text
    first = http.post(f"/deployments/{name}/executions", json={}).json()["execution_id"]
    assert ended(first)["status"] == "Succeeded"
    gate.unlink()
    reruns = [rerun(first).json()["execution_id"] for _ in range(2)]

    def statuses() -> list[str]:
        return [http.get(f"/executions/{one}").json()["status"] for one in reruns]

    wait_until(lambda: statuses()[0] == "Running")
    assert statuses() == ["Running", "Pending"]
    gate.touch()
    assert [ended(one)["status"] for one in reruns] == ["Succeeded", "Succeeded"]


@pytest.mark.parametrize("mode", ["elastic", "low_latency"])
def test_a_call_of_an_endpoint_is_run_again_and_its_result_recorded(
    sdk: HeadraceSdk,
    ended: Ended,
    rerun: Callable[..., httpx.Response],
    mode: str,
) -> None:
    endpoint = f"rerun-{mode.replace('_', '-')}"
    made = sdk.create_deployment("api-echo", endpoint, "endpoint", mode)
    try:
        token = made["endpoint_token"]
        called = sdk.trigger_endpoint(endpoint, token, {"number": 4})
        assert called["outputs"]["number"] == 4
        first = called["execution_id"]
        second = ended(rerun(first, text="more").json()["execution_id"])
        assert second["status"] == "Succeeded"
        assert second["deployment_name"] == endpoint
        assert {name: values(second, "output")[name] for name in ("number", "text")} == {
            "number": 4,
            "text": "more",
        }
    finally:
        sdk.delete_deployment(endpoint)


def test_only_once_if_asked_for(http: httpx.Client, run: Callable[..., str], ended: Ended) -> None:
    first = run("echo", number=1)
    ended(first)
    path, once = f"/executions/{first}/rerun", {"once": "true"}
    made = http.post(path, params=once).json()["execution_id"]
    error = check_error(http.post(path, params=once), 409)
    assert error["additional_data"] == {"rerun_id": made}
    assert http.post(path).status_code == 201


def test_a_plan_says_what_would_become_of_each(
    http: httpx.Client, run: Callable[..., str], ended: Ended
) -> None:
    first, other = run("echo", number=1), run("secret", value="abc")
    for one in (first, other):
        ended(one)
    asked = {"execution_ids": [first, other, "none"], "inputs": {"number": 2}}
    plan = http.post("/executions/rerun-plan", json=asked).json()["items"]
    assert plan[0] == {
        "execution_id": first,
        "version": 1,
        "newest_rerun": None,
        "problem": None,
        "notes": [],
    }
    assert "no input 'number'" in plan[1]["problem"]
    assert plan[2]["problem"] == "There is no execution 'none'."
    assert ended(first)["newest_rerun"] is None


@pytest.mark.parametrize(
    "body",
    [
        {"execution_ids": "x"},
        {"execution_ids": [1]},
        {"execution_ids": ["x"] * 201},
        {"inputs": [1]},
        {"code": 0},
        {"file_inputs": {}},
        {"more": 1},
    ],
)
def test_bad_plans_are_refused(http: httpx.Client, body: dict[str, Any]) -> None:
    check_error(http.post(routes.PLAN_RERUNS.path, json=body), 400)
