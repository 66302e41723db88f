"""Requests about versions that cannot be carried out are refused by name, whatever they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from tests.api.conftest import check_error, client_of
from tests.conftest import RunningServer
from tests.versions.conftest import Loop


@pytest.fixture(scope="module")
def http(server: RunningServer) -> Iterator[httpx.Client]:
    with client_of(server) as client:
        yield client


@pytest.mark.parametrize(
    ("path", "status", "named"),
    [
        ("/versions/abc", 400, "version must be"),
        ("/versions/0", 400, "version must be"),
        ("/versions/ 1", 400, "version must be"),
        ("/versions/\uff11", 400, "version must be"),
        ("/versions/99999999999999999999", 400, "version must be"),
        ("/versions/2", 404, "its versions are 1 to 1"),
        ("/versions/2/download", 404, "its versions are 1 to 1"),
        ("/versions/2/log-lines", 404, "its versions are 1 to 1"),
        ("/versions?limit=0", 400, "limit"),
        ("/versions?cursor=x", 400, "cursor"),
    ],
)
def test_reading(loop: Loop, http: httpx.Client, path: str, status: int, named: str) -> None:
    loop.deploy(1)
    answer = http.get(f"/pipelines/{loop.name}{path}")
    assert named in check_error(answer, status)["message"]


@pytest.mark.parametrize(
    ("path", "body", "status", "named"),
    [
        ("rollback", {"version": "abc"}, 400, "version must be"),
        ("rollback", {"version": True}, 400, "version must be"),
        ("rollback", {"version": 9}, 404, "has no version 9"),
        ("rollback", {"force": "yes"}, 400, "force must be"),
        ("rollback", {"number": 1}, 400, "unknown key 'number'"),
        ("rollback", [], 400, "must be a JSON object"),
        ("rollback", {}, 409, "no version before 1 was current"),
        ("versions/check", {"inputs": 1}, 400, "inputs must be a list"),
        ("versions/check", {"inputs": [{"name": "x"}]}, 400, "data_type"),
        ("versions/check", {"outputs": [{"name": "y", "data_type": "text"}]}, 400, "text"),
    ],
)
def test_changing(
    loop: Loop, http: httpx.Client, path: str, body: Any, status: int, named: str
) -> None:
    loop.deploy(1)
    answer = http.post(f"/pipelines/{loop.name}/{path}", json=body)
    assert named in check_error(answer, status)["message"]
    assert loop.versions() == [(1, "ready", True)]


def test_a_pipeline_that_is_not_there(http: httpx.Client) -> None:
    for method, path in (
        ("GET", "versions"),
        ("GET", "versions/1"),
        ("POST", "versions/check"),
        ("POST", "rollback"),
    ):
        answer = http.request(method, f"/pipelines/nobody/{path}", json={})
        assert "no pipeline 'nobody'" in check_error(answer, 404)["message"]


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"replace": "maybe"}, "replace must be true or false"),
        ({"force": "2"}, "force must be true or false"),
        ({"commit_id": "xyz"}, "commit_id must be the whole id"),
        ({"commit_id": "A" * 40}, "commit_id must be the whole id"),
        ({"calling": "freely"}, "calling must be"),
        ({"message": "m" * 1001}, "message has 1,001 characters"),
    ],
    ids=str,
)
def test_fields_of_a_version(http: httpx.Client, fields: dict[str, str], named: str) -> None:
    form = {"pipeline_name": "never", "function_path": "main.py", "function_name": "main", **fields}
    answer = http.post("/pipelines", data=form, files={"step_file": b""})
    assert named in check_error(answer, 400)["message"]
