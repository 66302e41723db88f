"""Executions over HTTP: running, waiting, reading, cancelling, deleting, following."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from tests.api.conftest import check_error, client_of, make_pipelines
from tests.conftest import RunningServer, contents_below, wait_until

pytestmark = pytest.mark.system

Run = Callable[..., str]
Ended = Callable[[str], dict[str, Any]]

VALUES: dict[str, Any] = {
    "number": 10**30,
    "text": "é\0\n💩",
    "flag": False,
    "record": {"a": [None, 1.5, {"": "x"}]},
    "items": [],
}


def test_values_come_back_as_they_went(http: httpx.Client, run: Run, ended: Ended) -> None:
    execution_id = run("echo", **VALUES)
    execution = ended(execution_id)
    assert execution["status"] == "Succeeded", execution
    for noun in ("inputs", "outputs"):
        items = {item[f"pipeline_{noun[:-1]}_name"]: item for item in execution[noun]}
        assert {name: items[name]["value"] for name in VALUES} == VALUES
        for name, value in VALUES.items():
            bare = http.get(f"/executions/{execution_id}/{noun}/{name}")
            assert bare.headers["content-type"] == "application/json"
            assert bare.json() == value
    outputs = http.get(f"/executions/{execution_id}/outputs").json()["outputs"]
    assert {i["pipeline_output_name"]: i["value"] for i in outputs} == VALUES | {"document": None}


def test_deep_values_come_back_too(http: httpx.Client, run: Run, ended: Ended) -> None:
    value: Any = "deep"
    for _ in range(199):
        value = {"a": value}
    execution_id = run("echo", record=value)
    assert ended(execution_id)["status"] == "Succeeded"
    assert http.get(f"/executions/{execution_id}/outputs/record").json() == value


@pytest.mark.parametrize(
    ("query", "has_values"),
    [("", True), ("?include_io_values=true", True), ("?include_io_values=t", True)]
    + [(f"?include_io_values={no}", False) for no in ("false", "False", "f", "0")],
)
def test_values_may_be_left_out(
    http: httpx.Client, run: Run, ended: Ended, query: str, has_values: bool
) -> None:
    execution_id = run("echo", number=1)
    ended(execution_id)
    execution = http.get(f"/executions/{execution_id}{query}").json()
    items = execution["inputs"] + execution["outputs"]
    assert len(items) == 12
    assert all(("value" in item) is has_values for item in items)
    assert all(item["mapping_value"] for item in items)


@pytest.mark.parametrize("content", [b"", b"\0\xff" * 100_000], ids=["empty", "200 kB"])
@pytest.mark.parametrize("filename", ["a.bin", "../../é x.csv", "a;b.txt"])
def test_file_bytes_go_in_and_come_out(
    http: httpx.Client, pipelines: None, ended: Ended, content: bytes, filename: str
) -> None:
    answer = http.post(
        "/pipelines/api-echo/run",
        data={"json_inputs": "{}"},
        files={"document": (filename, content)},
    )
    execution_id = answer.json()["execution_id"]
    assert ended(execution_id)["status"] == "Succeeded"
    given = http.get(f"/executions/{execution_id}/inputs/document")
    made = http.get(f"/executions/{execution_id}/outputs/document")
    assert (given.content, made.content) == (content, content[::-1])
    for file in (given, made):
        assert file.headers["content-type"] == "application/octet-stream"
    assert unquote(given.headers["content-disposition"]).endswith(Path(filename).name)


def test_a_file_that_there_is_not_is_204(http: httpx.Client, run: Run, ended: Ended) -> None:
    execution_id = run("echo")
    ended(execution_id)
    for noun in ("inputs", "outputs"):
        answer = http.get(f"/executions/{execution_id}/{noun}/document")
        assert (answer.status_code, answer.content) == (204, b"")
        assert http.get(f"/executions/{execution_id}/{noun}/text").json() is None
        error = check_error(http.get(f"/executions/{execution_id}/{noun}/nobody"), 404)
        assert "number, text, flag, record, items, document" in error["message"]


@pytest.mark.parametrize("kind", ["half", "half inside", "half key", "huge", "deep", "message"])
def test_odd_results_end_as_failed(http: httpx.Client, run: Run, ended: Ended, kind: str) -> None:
    """What cannot be written as JSON is the user's mistake, and is said, not stuck or an Error."""
    execution_id = run("odd", kind=kind)
    execution = ended(execution_id)
    assert execution["status"] == "Failed", execution
    assert execution["failure"]["kind"] == ("user_error" if kind == "message" else "bad_output")
    assert execution["end_date"]
    answer = http.get(f"/executions/{execution_id}/outputs")
    assert answer.status_code == 500
    assert answer.json()["name"] == "PipelineExecutionFailed"
    assert answer.json()["additional_data"]["execution_id"] == execution_id


def test_a_big_number_is_a_number(http: httpx.Client, run: Run, ended: Ended) -> None:
    execution_id = run("odd", kind="big")
    assert ended(execution_id)["status"] == "Succeeded"
    assert http.get(f"/executions/{execution_id}/outputs/value").json() == 2**200


def test_a_log_line_that_is_no_unicode_is_shown(http: httpx.Client, run: Run, ended: Ended) -> None:
    execution_id = run("odd", kind="log")
    ended(execution_id)
    ((line,),) = http.post(f"/executions/{execution_id}/logs", json={}).json()
    assert line["message"].endswith(" half")


@pytest.mark.parametrize("name", ["?.bin", "é.bin", "a b;\"'.bin", "line\nbreak"])
def test_files_of_any_name_come_out(http: httpx.Client, run: Run, ended: Ended, name: str) -> None:
    execution_id = run("odd_file", name=name)
    assert ended(execution_id)["status"] == "Succeeded"
    answer = http.get(f"/executions/{execution_id}/outputs/file")
    assert (answer.status_code, answer.content) == (200, b"content")


def test_lists_are_newest_first_and_paged(http: httpx.Client, run: Run, ended: Ended) -> None:
    ids = [run("echo", number=number) for number in range(7)]
    for execution_id in ids:
        ended(execution_id)
    found: list[str] = []
    query: dict[str, Any] = {"limit": 3, "pipeline_name": "api-echo"}
    while not set(ids) <= set(found):
        page = http.get("/executions", params=query).json()
        assert len(page["items"]) <= 3
        found += [item["execution_id"] for item in page["items"]]
        query["cursor"] = page["next_cursor"]
    assert found == sorted(set(found), reverse=True)
    assert found[:7] == ids[::-1]
    whole = http.get("/pipelines/api-echo/executions").json()
    assert [item["execution_id"] for item in whole[:7]] == ids[::-1]
    latest = http.get("/pipelines/api-echo/executions/latest").json()
    assert latest == {"execution_id": ids[-1]}
    failed = http.get("/executions", params={"status": "failed", "limit": 1000}).json()["items"]
    assert {item["status"] for item in failed} <= {"Failed"}
    beyond = http.get("/executions", params={"cursor": "0"}).json()
    assert beyond == {"items": [], "next_cursor": None, "previous_cursor": "0"}


def test_following_sees_lines_before_the_end(
    http: httpx.Client, run: Run, ended: Ended, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    execution_id = run("talk", path=str(go))
    url = f"/executions/{execution_id}/log-lines"
    page = http.get(url, params={"wait_s": 20}).json()
    assert [line["message"] for line in page["lines"]] == ["before"]
    assert page["is_complete"] is False
    assert http.get(f"/executions/{execution_id}").json()["status"] == "Running"
    assert check_error(http.get(f"/executions/{execution_id}/outputs"), 409)["name"] == "Conflict"
    assert http.get(url, params={"cursor": page["cursor"]}).json()["lines"] == []
    go.touch()
    lines: list[str] = []
    while not page["is_complete"]:
        page = http.get(url, params={"wait_s": 20, "cursor": page["cursor"]}).json()
        lines += [line["message"] for line in page["lines"]]
    assert lines == ["after"]
    assert ended(execution_id)["status"] == "Succeeded"
    messages = [line["message"] for line in http.post(f"/executions/{execution_id}/logs").json()[0]]
    assert messages == ["before", "after"]


def test_a_waiter_is_answered_when_the_execution_ends(
    http: httpx.Client, run: Run, tmp_path: Path
) -> None:
    go = tmp_path / "go"
    execution_id = run("talk", path=str(go))
    answers: list[httpx.Response] = []

    def wait() -> None:
        url = f"/executions/{execution_id}/outputs?wait_for_completion=true"
        answers.append(http.get(url))

    waiter = threading.Thread(target=wait)
    waiter.start()
    wait_until(lambda: http.get(f"/executions/{execution_id}").json()["status"] == "Running")
    assert not answers
    go.touch()
    waiter.join(20)
    assert [answer.status_code for answer in answers] == [200]
    assert answers[0].json() == {"outputs": []}


def test_a_running_execution_is_cancelled_and_deleted(
    http: httpx.Client, run: Run, tmp_path: Path
) -> None:
    execution_id = run("talk", path=str(tmp_path / "never"))
    cancelled = http.post(f"/executions/{execution_id}/cancel")
    assert cancelled.status_code == 200
    assert cancelled.json()["status"] == "Failed"
    assert cancelled.json()["failure"]["kind"] == "cancelled"
    again = check_error(http.post(f"/executions/{execution_id}/cancel"), 409)
    assert "has ended already" in again["message"]
    other = run("talk", path=str(tmp_path / "never"))
    for gone in (execution_id, other):
        assert http.delete(f"/executions/{gone}").json() == {"execution_id": gone}
        check_error(http.get(f"/executions/{gone}"), 404)
        check_error(http.delete(f"/executions/{gone}"), 404)
        check_error(http.get(f"/executions/{gone}/outputs?wait_for_completion=t"), 404)


@pytest.mark.once
def test_a_long_wait_is_answered_with_307_and_itself(
    server: RunningServer, http: httpx.Client, run: Run, tmp_path: Path
) -> None:
    """The one test that waits for as long as the server holds a request."""
    execution_id = run("talk", path=str(tmp_path / "never"))
    url = f"/executions/{execution_id}/outputs?wait_for_completion=true"
    answer = http.get(url)
    assert answer.status_code == 307
    assert answer.headers["location"] == f"{server.url}/api/v1{url}"
    assert answer.json()["status"] == "Running"
    http.delete(f"/executions/{execution_id}")


def test_a_million_lines_hurt_nobody(
    server: RunningServer, http: httpx.Client, run: Run, ended: Ended
) -> None:
    """While they are written the server answers, and afterwards all of them are in the file."""
    execution_id = run("chatter", number=1_000_000)
    url, cursor, seen = f"/executions/{execution_id}/log-lines", 0, 0
    while True:
        assert http.get("/health").status_code == 200
        page = http.get(url, params={"wait_s": 5, "cursor": cursor, "limit": 10_000}).json()
        cursor, seen = page["cursor"], seen + len(page["lines"])
        if seen >= 50_000 or page["is_complete"]:
            break
    execution = ended(execution_id)
    assert execution["status"] == "Succeeded"
    (log,) = (server.data_dir / "logs").rglob(f"{execution_id}.log")
    lines = log.read_bytes().splitlines()
    assert len(lines) == 1_000_000
    assert lines[-1].endswith(b" o line 999999")
    ((last,),) = http.post(
        f"/executions/{execution_id}/logs",
        json={"from": int(lines[-1].split()[0]) // 1000, "limit": 1},
    ).json()
    assert last["timestamp"].endswith("Z")
    http.delete(f"/executions/{execution_id}")
    assert not log.exists()


def test_project_settings_are_kept(own_server: Callable[..., RunningServer]) -> None:
    server = own_server()
    changes = {
        "language": "python:3.11-slim",
        "included_folders": ["src"],
        "requirements_path": None,
        "system_dependencies": ["libgomp1", "g++"],
        "repository_branch": "main",
    }
    with client_of(server) as http:
        answer = http.patch("/project-information", json=changes)
        assert answer.status_code == 200
        assert http.get("/project-information").json() == answer.json()
        assert {key: answer.json()[key] for key in changes} == changes
        back = http.patch("/project-information", json={"system_dependencies": None}).json()
        assert back == answer.json() | {"system_dependencies": None}


def test_variables_are_texts(http: httpx.Client) -> None:
    sent = {"API_A": "text", "API_B": 6, "API_C": True, "_API_D": {"a": [1]}, "API_E": ""}
    kept = {"API_A": "text", "API_B": "6", "API_C": "true", "_API_D": '{"a": [1]}', "API_E": ""}
    assert http.put("/environment-variables", json={"environment_variables": sent}).is_success
    try:
        listed = http.get("/environment-variables").json()
        assert {item["name"]: item["value"] for item in listed}.items() >= kept.items()
    finally:
        for name, value in kept.items():
            gone = http.delete(f"/environment-variables/{name}")
            assert gone.json() == {"name": name, "value": value}
    check_error(http.delete("/environment-variables/API_A"), 404)


def test_a_variable_of_any_name_is_a_source(
    http: httpx.Client, pipelines: None, ended: Ended
) -> None:
    http.put("/environment-variables", json={"environment_variables": {"_API_SOURCE": "6"}})
    mapping = [{"pipeline_input_name": "number", "environment_variable_name": "_API_SOURCE"}]
    answer = http.post(
        "/pipelines/api-echo/run", data={"json_inputs": "{}", "inputs_mapping": json.dumps(mapping)}
    )
    execution = ended(answer.json()["execution_id"])
    http.delete("/environment-variables/_API_SOURCE")
    assert execution["outputs"][0]["value"] == 6
    assert execution["inputs"][0]["value"] is None


@pytest.mark.once
def test_no_secret_is_in_any_file_of_the_server(
    own_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    """Not in the database, nor its journal, nor a log: tokens, access tokens, variables."""
    server = own_server(HEADRACE_LOG_LEVEL="debug")
    folder = tmp_path / "code"
    folder.mkdir()
    make_pipelines(server, folder, "secret", "show_token")
    variable = "open-sesame-7c1f"
    path = tmp_path / "token"
    with client_of(server) as http:
        access = http.headers["authorization"].removeprefix("Bearer ")
        made = http.post("/tokens", json={"name": "other"}).json()["token"]
        http.put("/environment-variables", json={"environment_variables": {"SECRET": variable}})
        mapping = [{"pipeline_input_name": "value", "environment_variable_name": "SECRET"}]
        run = http.post(
            "/pipelines/api-secret/run",
            data={"json_inputs": "{}", "inputs_mapping": json.dumps(mapping)},
        ).json()
        done = http.get(f"/executions/{run['execution_id']}/outputs?wait_for_completion=t")
        assert done.json()["outputs"][0]["value"] == len(variable)
        shown = http.get(f"/executions/{run['execution_id']}")
        assert variable not in shown.text
        inside = http.post(
            "/pipelines/api-show_token/run", data={"json_inputs": json.dumps({"path": str(path)})}
        ).json()
        wait_until(path.exists)
        with client_of(server, path.read_text()) as http_inside:
            access_inside = http_inside.headers["authorization"].removeprefix("Bearer ")
        http.get("/users/me", headers={"Authorization": f"Bearer {made}"})
        (tmp_path / "token.go").touch()
        http.get(f"/executions/{inside['execution_id']}/outputs?wait_for_completion=t")
        secrets = {
            "made token": made,
            "access token": access,
            "variable": variable,
            "token of an execution": path.read_text(),
            "access token of an execution": access_inside,
        }
        key = (server.data_dir / "master.key").read_bytes()
        said = {server.log: server.log.read_bytes()}
        for file, content in (contents_below(server.data_dir) | said).items():
            if file.name == "master.key":
                continue
            assert key not in content, file
            for kind, secret in secrets.items():
                assert secret.encode() not in content, (kind, file)
            if file != server.log:
                # The first token is shown once, by the start.
                assert server.token.encode() not in content, file
    assert server.stop() == 0
    # With its journal, which a server may leave behind.
    database = b"".join(file.read_bytes() for file in server.data_dir.glob("headrace.db*"))
    assert b"SECRET" in database, "the database was looked at"
    assert not any(secret.encode() in database for secret in secrets.values())
