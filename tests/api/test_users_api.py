"""Users by the API: who they are, how they come and go, and what goes with them."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator

import httpx
import pytest
from tests.api.conftest import check_error, client_of
from tests.conftest import RunningServer

from headrace import AlreadyExists, HeadraceSdk, InvalidName, InvalidValue, NotFound

pytestmark = pytest.mark.system

PASSWORD = "eleven blue horses"


@pytest.fixture
def ada(sdk: HeadraceSdk) -> Iterator[str]:
    """Name of a user, who is removed in the end."""
    name = f"ada-{uuid.uuid4().hex[:8]}"
    sdk.create_user(name, PASSWORD, f"{name}@Example.com")
    yield name
    if name in [user["name"] for user in sdk.list_users()]:
        sdk.remove_user(name)


def of(sdk: HeadraceSdk, name: str) -> dict[str, object]:
    return next(user for user in sdk.list_users() if user["name"] == name)


def test_a_user_is_listed_with_what_others_may_know(sdk: HeadraceSdk, ada: str) -> None:
    listed = of(sdk, ada)
    assert set(listed) == {"id", "name", "email", "created_at", "has_password"}
    assert (listed["email"], listed["has_password"]) == (f"{ada}@Example.com", True)
    shown = sdk.get_user(str(listed["id"]))
    assert shown == {key: listed[key] for key in ("id", "name", "email")}
    assert PASSWORD not in json.dumps(sdk.list_users())


def test_who_gives_no_address_has_one_that_leads_nowhere(sdk: HeadraceSdk) -> None:
    name = f"u-{uuid.uuid4().hex[:8]}"
    assert sdk.create_user(name, PASSWORD)["email"] == f"{name}@localhost"
    assert sdk.remove_user(f"{name}@localhost") == {"name": name, "revoked_tokens": []}


def test_a_name_or_an_address_is_there_once_in_any_case(sdk: HeadraceSdk, ada: str) -> None:
    for name, email in ((ada.upper(), None), ("another", f"{ada.upper()}@EXAMPLE.COM")):
        with pytest.raises(AlreadyExists):
            sdk.create_user(name, PASSWORD, email)
    with pytest.raises(InvalidName):
        sdk.create_user("ada lovelace", PASSWORD)
    with pytest.raises(InvalidValue, match="at least 12"):
        sdk.create_user("another", "short")
    with pytest.raises(NotFound):
        sdk.set_password("nobody-here", PASSWORD)
    with pytest.raises(NotFound):
        sdk.create_token("of-nobody", "nobody-here")


def test_what_nobody_would_read_is_refused_and_nothing_made(
    http: httpx.Client, sdk: HeadraceSdk, ada: str
) -> None:
    """Whoever names a role is not given a user who may do everything."""
    name = f"u-{uuid.uuid4().hex[:8]}"
    body = {"name": name, "password": PASSWORD}
    for sent in (
        http.post("/users", json=body | {"role": "viewer"}),
        http.post("/tokens", json={"name": name, "role": "viewer"}),
        http.put(f"/users/{ada}/password", json={"password": PASSWORD, "role": "viewer"}),
    ):
        assert "unknown key 'role'" in check_error(sent, 400)["message"]
    assert name not in [found["name"] for found in (*sdk.list_users(), *sdk.list_tokens())]


def test_a_refused_password_is_repeated_nowhere(
    server: RunningServer, http: httpx.Client, ada: str
) -> None:
    refused = http.put(f"/users/{ada}/password", json={"password": "quagga-fourteen\n"})
    assert "quagga" not in check_error(refused, 400)["message"]
    assert http.put(f"/users/{ada}/password", json={"password": "a quagga and fourteen"}).is_success
    assert "quagga" not in server.log.read_text()


def test_removal_ends_tokens_at_once_and_leaves_the_name_on_record(
    server: RunningServer, sdk: HeadraceSdk, pipelines: None
) -> None:
    name = f"u-{uuid.uuid4().hex[:8]}"
    user = sdk.create_user(name, PASSWORD)
    token = str(sdk.create_token(name, f"{name}@localhost")["token"])
    with HeadraceSdk(token, server.url) as own, client_of(server, token) as http:
        assert own.who_am_i() == user
        execution = own.run_pipeline("api-chatter", {"number": 1})
        own.create_token(f"{name}-2")
        assert http.get("/users/me").status_code == 200
        removed = sdk.remove_user(name)
        assert removed == {"name": name, "revoked_tokens": [name, f"{name}-2"]}
        # Within the seconds for which a checked access token is trusted.
        check_error(http.get("/users/me"), 401)
        check_error(http.post("/auth/refresh", json={"refresh_token": token}), 401)
    by = sdk.get_pipeline_execution(execution["execution_id"])["created_by"]
    assert by == user["id"]
    assert sdk.get_user(by) == user
    for identity in (name, name.upper(), f"{name}@localhost", by):
        found = sdk.list_executions(created_by=identity)["items"]
        assert [one["execution_id"] for one in found] == [execution["execution_id"]]
    with pytest.raises(NotFound):
        sdk.remove_user(name)
    # The name is free, and whoever gets it is somebody else.
    assert sdk.create_user(name, PASSWORD)["id"] != user["id"]
    sdk.remove_user(name)


def test_nobody_removes_himself(sdk: HeadraceSdk, http: httpx.Client) -> None:
    me = str(sdk.who_am_i()["name"])
    assert "cannot remove yourself" in check_error(http.delete(f"/users/{me}"), 409)["message"]
    assert sdk.who_am_i()["name"] == me
