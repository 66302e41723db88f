"""Creations and changes of deployments that are only checked: the same rules, and nothing made."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.api.conftest import (
    PERIODIC,
    check_error,
    periodic_body,
)

pytestmark = pytest.mark.system

REAL_ONES_ALONE = {
    *("id", "status", "health", "is_archived", "endpoint_token"),
    *("created_at", "created_by", "updated_at", "updated_by"),
    *("pods", "running", "waiting", "is_changing", "rollout", "failure"),
}


def is_there(http: httpx.Client, name: str) -> bool:
    return http.get(f"/deployments/{name}").status_code == 200


@pytest.mark.parametrize(
    ("path", "more"),
    [
        (PERIODIC, {"schedule": "0 3 * * *", "timezone": "Asia/Tokyo", "retries": 2}),
        ("/endpoints", {"schedule": ..., "mode": "low_latency", "pods": 3}),
    ],
    ids=["periodic", "endpoint"],
)
def test_it_shows_what_the_creation_makes(
    http: httpx.Client, name: str, path: str, more: dict[str, Any]
) -> None:
    body = periodic_body(name, **more)
    checked = http.post(f"{path}/check", json=body)
    assert checked.status_code == 200, checked.text
    assert not is_there(http, name)
    created = http.post(path, json=body).json()
    assert checked.json() == {
        key: value for key, value in created.items() if key not in REAL_ONES_ALONE
    }


@pytest.mark.parametrize(
    "more",
    [
        {"name": "a/b"},
        {"schedule": "61 * * * *"},
        {"timezone": "Mars/Olympus"},
        {"pipeline_name": "no-such-pipeline"},
        {"pipeline_version": 99},
        {"unknown": 1},
        {"inputs_mapping": [{"pipeline_input_name": "no", "is_null": True}]},
        {"probe": {}},
    ],
    ids=str,
)
def test_it_refuses_as_the_creation_does(
    http: httpx.Client, name: str, more: dict[str, Any]
) -> None:
    body = periodic_body(name, **more)
    checked, created = (http.post(PERIODIC + end, json=body) for end in ("/check", ""))
    assert checked.status_code == created.status_code
    first, second = check_error(checked), check_error(created)
    assert first | {"request_id": ""} == second | {"request_id": ""}


def test_a_name_that_is_taken_is_refused(http: httpx.Client, name: str) -> None:
    body = periodic_body(name)
    assert http.post(PERIODIC, json=body).status_code == 201
    found = check_error(http.post(f"{PERIODIC}/check", json=body), 409)
    assert found["name"] == "AlreadyExists"


def test_a_change_is_checked_and_not_made(http: httpx.Client, name: str) -> None:
    before = http.post(PERIODIC, json=periodic_body(name)).json()
    change = {"schedule": "30 4 * * *", "is_enabled": False}
    planned = http.post(f"/deployments/{name}/check", json=change).json()
    assert (planned["schedule"], planned["is_enabled"]) == ("30 4 * * *", False)
    assert http.get(f"/deployments/{name}").json() == before
    changed = http.patch(f"/deployments/{name}", json=change).json()
    assert planned == {key: it for key, it in changed.items() if key not in REAL_ONES_ALONE}
    # A change of something else leaves the fire times as they are.
    same = http.post(f"/deployments/{name}/check", json={"retries": 1}).json()
    assert same["next_fire_times"] == changed["next_fire_times"]


@pytest.mark.parametrize(
    "change", [{}, {"name": "other"}, {"schedule": "x"}, {"pods": 2}, {"pipeline_version": 99}]
)
def test_a_change_is_refused_as_the_change_itself(
    http: httpx.Client, name: str, change: dict[str, Any]
) -> None:
    assert http.post(PERIODIC, json=periodic_body(name)).status_code == 201
    checked = http.post(f"/deployments/{name}/check", json=change)
    made = http.patch(f"/deployments/{name}", json=change)
    assert check_error(checked, made.status_code)["message"] == check_error(made)["message"]
