"""What HTTP itself asks of every route: methods, challenges, when to come again."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from tests.api.conftest import access_token, check_error
from tests.conftest import RunningServer

from headrace.core.errors import Overloaded, Unavailable
from headrace.wire.answers import STOPPING, refusal
from headrace.wire.route import PREFIX, Route
from headrace.wire.routes import ROUTES

pytestmark = pytest.mark.system

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def path_of(route: Route) -> str:
    return route.url(**dict.fromkeys(re.findall(r"\{(\w+)(?::path)?\}", route.path), "nothing"))


PATHS = sorted({path_of(route) for route in ROUTES})


@pytest.fixture(scope="module")
def http(server: RunningServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {access_token(server)}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:
        yield client


@pytest.mark.parametrize("path", PATHS)
def test_a_path_says_which_methods_it_answers(http: httpx.Client, path: str) -> None:
    asked = http.options(path)
    assert (asked.status_code, asked.content) == (204, b"")
    allowed = asked.headers["allow"].split(", ")
    expected = {route.method for route in ROUTES if path_of(route) == path}
    assert expected <= set(allowed)
    assert ("GET" in allowed) == ("HEAD" in allowed)
    for method in {*METHODS, "BREW"} - set(allowed):
        answer = http.request(method, path)
        if method == "BREW":
            check_error(answer, 400)
        elif method == "HEAD":
            assert (answer.status_code, answer.content) == (405, b"")
        else:
            assert check_error(answer, 405)["name"] == "MethodNotAllowed"
        if method != "BREW":
            assert answer.headers["allow"] == asked.headers["allow"]


@pytest.mark.parametrize(
    "path", sorted({path_of(route) for route in ROUTES if route.method == "GET"})
)
def test_head_is_get_without_its_body(http: httpx.Client, path: str) -> None:
    got, head = http.get(path), http.head(path)
    assert (head.status_code, head.content) == (got.status_code, b"")
    assert head.headers["content-type"] == got.headers["content-type"]


@pytest.mark.parametrize("route", ROUTES, ids=str)
def test_a_challenge_names_how_a_route_is_asked(server: RunningServer, route: Route) -> None:
    answer = httpx.request(route.method, server.url + path_of(route), timeout=60)
    if answer.status_code == 401:
        scheme = "Bearer" if route.root == PREFIX else "EndpointToken"
        assert answer.headers["www-authenticate"].split()[0] == scheme
    else:
        assert "www-authenticate" not in answer.headers
        # Documents of endpoints are public, signed links forbid, and nobody is asked by the rest.
        assert route.is_public or route.path.endswith("/docs")


@pytest.mark.parametrize("authorization", ["Bearer x", "EndpointToken x", "Basic eDp5", "x"])
def test_a_wrong_credential_of_an_endpoint_is_challenged_in_the_same_way(
    server: RunningServer, authorization: str
) -> None:
    answer = httpx.post(f"{server.url}/endpoints/nothing", headers={"Authorization": authorization})
    if authorization.startswith("EndpointToken"):
        check_error(answer, 404)
    else:
        check_error(answer, 401)
        assert answer.headers["www-authenticate"].startswith("EndpointToken ")


def test_whoever_is_to_come_again_is_told_when() -> None:
    for answer in (
        refusal(STOPPING, "id"),
        refusal(Unavailable("full"), "id"),
        refusal(Overloaded("busy", details={"retry_after_s": 3}), "id"),
    ):
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) >= 1
