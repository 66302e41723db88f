"""Who may come in: every route, every kind of token that is not one."""

from __future__ import annotations

import base64
import json
import re
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from tests.api.conftest import access_token, check_error, client_of
from tests.conftest import RunningServer, wait_until

from headrace.control.sealing import load_keys
from headrace.wire.route import PREFIX, Route
from headrace.wire.routes import REFRESH, ROUTES

pytestmark = pytest.mark.system

CLOSED = [route for route in ROUTES if route.root == PREFIX and not route.is_public]


def path_of(route: Route) -> str:
    return route.url(**dict.fromkeys(re.findall(r"\{(\w+)", route.path), "x"))


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forged(server: RunningServer) -> dict[str, str]:
    """Authorization headers that are all wrong, each in another way."""
    now = int(time.time())
    good = access_token(server)
    head, payload, signature = good.split(".")
    claims = jwt.decode(good, options={"verify_signature": False})
    key = load_keys(server.data_dir / "master.key").derive("access tokens")
    expired = jwt.encode(claims | {"iat": now - 7200, "exp": now - 1}, key, "HS256")
    other_key = jwt.encode(claims, "k" * 32, "HS256")
    nobody = jwt.encode({"token": "nobody", "iat": now, "exp": now + 60}, key, "HS256")
    headers = {
        "garbage": "Bearer garbage",
        "two words": "Bearer a b",
        "no scheme": good,
        "other scheme": f"Basic {good}",
        "endpoint scheme": f"EndpointToken {good}",
        "sdk token": f"Bearer {server.token}",
        "expired": f"Bearer {expired}",
        "other key": f"Bearer {other_key}",
        "unknown token": f"Bearer {nobody}",
        "no claims": f"Bearer {jwt.encode({}, key, 'HS256')}",
        "gone execution": f"Bearer {jwt.encode({'execution': 'x', 'exp': now + 60}, key, 'HS256')}",
        "alg none": f"Bearer {part({'alg': 'none', 'typ': 'JWT'})}.{payload}.",
        "alg None, signed": f"Bearer {part({'alg': 'None'})}.{payload}.{signature}",
        "alg RS256": f"Bearer {part({'alg': 'RS256'})}.{payload}.{signature}",
        "no signature": f"Bearer {head}.{payload}.",
        "two parts": f"Bearer {head}.{payload}",
        "changed payload": f"Bearer {head}.{part(claims | {'exp': now + 10**6})}.{signature}",
        "payload is no object": f"Bearer {head}.{part([1])}.{signature}",
        "dots": "Bearer ...",
        "not ascii": "Bearer \xe9\xff",
        "long": f"Bearer {'x' * 10_000}",
    }
    for name in ("derive", "link", "signed links", "execution tokens", "seal"):
        wrong = load_keys(server.data_dir / "master.key").derive(name)
        headers[f"key of {name}"] = f"Bearer {jwt.encode(claims, wrong, 'HS256')}"
    return headers


def test_every_closed_route_asks_for_a_token(server: RunningServer) -> None:
    with httpx.Client(base_url=server.url) as http:
        for route in CLOSED:
            for headers in ({}, {"Authorization": "Bearer garbage"}):
                answer = http.request(route.method, path_of(route), headers=headers)
                body = check_error(answer, 401)
                assert body["name"] == "Unauthenticated", route
                assert answer.headers["www-authenticate"] == 'Bearer realm="headrace"'


def test_no_forged_token_opens_anything(server: RunningServer) -> None:
    with httpx.Client(base_url=server.url) as http:
        for kind, header in forged(server).items():
            for route in CLOSED:
                if route.method not in {"GET", "PATCH"} and kind not in {"alg none", "expired"}:
                    continue
                raw = {b"authorization": header.encode("latin-1")}
                answer = http.request(route.method, path_of(route), headers=raw)
                assert answer.status_code == 401, (kind, route)
            check_error(answer, 401)


def test_public_routes_say_nothing_secret(server: RunningServer) -> None:
    with httpx.Client(base_url=f"{server.url}/api/v1") as http:
        parts = http.get("/health").json()
        assert {part["status"] for part in parts.values()} == {"ok"}
        assert set(parts) == {
            "server",
            "environment_id",
            "deletion_by_age",
            *("environment", "database", "disk", "data_store", "calls", "descriptors"),
            *("clock", "scheduler", "worker", "pods", "builder"),
        }
        # What was measured is for users.
        assert not any("detail" in part for part in parts.values())
        assert http.get("/health/details").status_code == 401
        info = http.get("/environment-info").json()
        assert set(info) == {
            *("environment_id", "environment_status", "version"),
            *("gpu_enabled", "max_folder_bytes", "supported_base_images"),
        }


@pytest.mark.parametrize(
    "token",
    [
        None,
        "",
        7,
        [],
        {},
        "hdr_x",
        "hdx_",
        "hdx_.",
        "hdx_x.y",
        "hdx_\x00.\xe9",
        f"hdx_{'a.' * 20}",
        "é",
        "\0",
    ],
    ids=repr,
)
def test_what_is_no_token_is_not_exchanged(server: RunningServer, token: object) -> None:
    answer = httpx.post(server.url + REFRESH.url(), json={"refresh_token": token})
    assert check_error(answer, 401)["name"] == "Unauthenticated"


def test_an_access_token_has_what_both_eras_of_the_client_read(server: RunningServer) -> None:
    token = access_token(server)
    assert len(token.split(".")) == 3
    claims = jwt.decode(token, options={"verify_signature": False})
    assert type(claims["iat"]) is int
    assert type(claims["exp"]) is int
    assert abs(claims["iat"] - time.time()) < 60
    assert claims["exp"] - claims["iat"] > 120


def test_a_revoked_token_ends_with_what_was_made_from_it(
    server: RunningServer, http: httpx.Client
) -> None:
    made = http.post("/tokens", json={"name": "api-short"})
    assert made.status_code == 201
    token = made.json()["token"]
    with client_of(server, token) as other:
        assert other.get("/users/me").status_code == 200
        assert http.delete("/tokens/api-short").status_code == 200
        # The server may trust a token that it has just checked for two seconds more.
        # Its own life is longer than this test waits.
        wait_until(lambda: other.get("/users/me").status_code == 401)
    answer = httpx.post(server.url + REFRESH.url(), json={"refresh_token": token})
    assert "unknown or was revoked" in check_error(answer, 401)["message"]


def test_tokens_are_listed_without_what_they_are(server: RunningServer, http: httpx.Client) -> None:
    token = http.post("/tokens", json={"name": "api-listed"}).json()["token"]
    try:
        listed = http.get("/tokens")
        names = [item["name"] for item in listed.json()]
        assert "api-listed" in names
        assert set(listed.json()[0]) == {"id", "name", "created_at", "user"}
        assert token not in listed.text
        assert server.token not in listed.text
        doubled = http.post("/tokens", json={"name": "api-listed"})
        assert check_error(doubled, 409)["name"] == "AlreadyExists"
    finally:
        http.delete("/tokens/api-listed")


def test_the_last_token_stays(own_server: Callable[..., RunningServer]) -> None:
    with client_of(own_server()) as http:
        (token,) = http.get("/tokens").json()
        assert check_error(http.delete(f"/tokens/{token['name']}"), 409)["name"] == "InUse"
        assert check_error(http.delete("/tokens/nobody"), 404)["name"] == "NotFound"


@pytest.fixture
def inside(
    server: RunningServer, run: Callable[..., str], ended: Callable[..., Any], tmp_path: Path
) -> Any:
    """The token of an execution, its id, and what ends the execution."""
    path = tmp_path / "token"
    execution_id = run("show_token", path=str(path))
    wait_until(path.exists, what="the execution shows its token")

    def end() -> None:
        (tmp_path / "token.go").touch()
        assert ended(execution_id)["status"] == "Succeeded"

    yield path.read_text(), execution_id, end
    end()


def test_an_execution_may_not_manage(server: RunningServer, inside: Any) -> None:
    token, execution_id, _ = inside
    with client_of(server, token) as http:
        assert http.get("/pipelines").status_code == 200
        for method, url, body in (
            ("POST", "/pipelines", {}),
            ("DELETE", "/pipelines/api-echo", None),
            ("POST", "/endpoints", {}),
            ("PATCH", "/deployments/d", {}),
            ("DELETE", "/deployments/d", None),
            ("POST", "/endpoints/d/generate-new-token", None),
            ("POST", "/tokens", {"name": "api-inside"}),
            ("DELETE", "/tokens/first", None),
            ("PATCH", "/project-information", {}),
            ("GET", "/tokens", None),
            ("PUT", "/environment-variables", {"environment_variables": {"API_INSIDE": "1"}}),
            ("DELETE", "/environment-variables/API_INSIDE", None),
            ("DELETE", f"/executions/{execution_id}", None),
            ("POST", f"/executions/{execution_id}/cancel", None),
        ):
            error = check_error(http.request(method, url, json=body), 403)
            assert error["name"] == "PermissionDenied"
            assert "inside an execution" in error["message"]


def test_the_token_of_an_execution_ends_with_it(server: RunningServer, inside: Any) -> None:
    token, _, end = inside
    with client_of(server, token) as http:
        assert http.get("/users/me").status_code == 200
        end()
        assert http.get("/users/me").status_code == 401
    answer = httpx.post(server.url + REFRESH.url(), json={"refresh_token": token})
    assert "has ended" in check_error(answer, 401)["message"]


def test_the_token_of_one_execution_is_not_that_of_another(
    server: RunningServer, inside: Any
) -> None:
    token, execution_id, _ = inside
    other = token.replace(execution_id, f"{execution_id[:-1]}0")
    if other == token:
        other = token.replace(execution_id, f"{execution_id[:-1]}1")
    answer = httpx.post(server.url + REFRESH.url(), json={"refresh_token": other})
    assert "not valid" in check_error(answer, 401)["message"]


def test_the_key_is_its_owners_alone(server: RunningServer) -> None:
    mode = (server.data_dir / "master.key").stat().st_mode
    assert stat.S_IMODE(mode) == 0o600
    assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700
