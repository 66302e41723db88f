"""Signing in and out, and what a session may do."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import psutil
import pytest
from playwright.sync_api import Browser
from tests.conftest import RunningServer

from headrace import HeadraceSdk
from headrace.console import routes, routing
from headrace.wire.route import Route

CHANGING = [
    route for route in routing.handlers() if route.method != "GET" and route is not routes.SIGN_IN
]


@pytest.fixture
def browser(server: RunningServer) -> Iterator[httpx.Client]:
    """Sends what a browser sends, and keeps cookies."""
    with httpx.Client(
        base_url=server.url, headers={"accept": "text/html"}, trust_env=False, timeout=30
    ) as client:
        yield client


def signed_in(browser: httpx.Client, token: str) -> str:
    """Sign in, and return what forms of the session bear."""
    answer = browser.post("/sign-in", data={"token": token, "next": "/variables"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/variables")
    found = re.search(r'<meta name="csrf" content="(\w+)">', browser.get("/variables").text)
    assert found
    return found[1]


def test_a_person_signs_in_with_a_token_and_comes_to_the_page_that_was_asked_for(
    server: RunningServer, chromium: Browser
) -> None:
    window = chromium.new_context(base_url=server.url, locale="en-GB")
    page = window.new_page()
    page.goto("/variables?show=x")
    page.get_by_label("SDK token").fill("hdr_wrong")
    page.keyboard.press("Enter")
    page.get_by_text("The SDK token is not valid").wait_for()
    page.get_by_label("SDK token").fill(server.token)
    page.keyboard.press("Enter")
    page.wait_for_url("**/variables?show=x")
    (cookie,) = window.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/sign-in")
    assert window.cookies() == []
    window.add_cookies([cookie])  # type: ignore[list-item]  # as it was read
    page.goto("/variables")
    page.wait_for_url("**/sign-in?next=*")
    window.close()


def test_a_wrong_token_and_a_foreign_goal_are_refused(
    server: RunningServer, browser: httpx.Client
) -> None:
    refused = browser.post("/sign-in", data={"token": "hdr_<b>", "next": "/variables"})
    assert refused.status_code == 401
    assert "set-cookie" not in refused.headers
    assert 'value="/variables"' in refused.text
    for goal in ("https://elsewhere.example", "//elsewhere.example", "/\\elsewhere.example", "x"):
        answer = browser.post("/sign-in", data={"token": server.token, "next": goal})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize(
    "header", [{"origin": "https://elsewhere.example"}, {"sec-fetch-site": "cross-site"}], ids=str
)
def test_another_site_signs_nobody_in(
    server: RunningServer, browser: httpx.Client, header: dict[str, str]
) -> None:
    answer = browser.post("/sign-in", data={"token": server.token}, headers=header)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_over_https_the_cookie_is_for_this_host_alone_when_it_comes_and_when_it_goes(
    own_server: Callable[..., RunningServer],
) -> None:
    running = own_server(HEADRACE_PUBLIC_URL="https://headrace.example")
    assert running.process is not None
    listening = psutil.Process(running.process.pid).net_connections("tcp")
    port = next(one.laddr.port for one in listening if one.status == "LISTEN")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as browser:
        came = browser.post("/sign-in", data={"token": running.token})
        cookie = came.headers["set-cookie"]
        assert cookie.startswith("__Host-headrace=")
        token = cookie.partition("=")[2].partition(";")[0]
        held = {"cookie": f"__Host-headrace={token}"}
        page = browser.get("/variables", headers=held)
        csrf = re.search(r'<meta name="csrf" content="(\w+)">', page.text)
        assert csrf
        origin = {"origin": "https://headrace.example"}
        went = browser.post("/sign-out", data={"csrf": csrf[1]}, headers=held | origin)
        gone = went.headers["set-cookie"]
        assert gone.startswith('__Host-headrace=""; ')
        for attribute in ("HttpOnly", "Path=/", "Secure"):
            assert attribute in cookie
            assert attribute in gone
        assert browser.get("/variables", headers=held).status_code == 303


def test_a_form_needs_what_pages_of_its_session_bear(
    server: RunningServer, browser: httpx.Client
) -> None:
    csrf = signed_in(browser, server.token)
    with httpx.Client(base_url=server.url, trust_env=False) as another:
        foreign = signed_in(another, server.token)
    name = f"S{uuid.uuid4().hex[:8]}"
    form = {"name": name, "value": "1"}
    for sent in ({}, {"csrf": ""}, {"csrf": foreign}, {"csrf": "x" * 64}):
        assert browser.post("/variables", data=form | sent).status_code == 403
    for header in (
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ):
        answer = browser.post("/variables", data=form | {"csrf": csrf}, headers=header)
        assert answer.status_code == 403
    own = {"origin": server.url, "sec-fetch-site": "same-origin"}
    assert browser.post("/variables", data=form | {"csrf": csrf}, headers=own).status_code == 303
    assert browser.post("/variables/delete", data={"name": name, "csrf": csrf}).status_code == 303


@pytest.mark.parametrize("route", CHANGING, ids=lambda route: route.path)
def test_no_page_changes_anything_for_a_request_of_another_site(
    server: RunningServer, browser: httpx.Client, route: Route
) -> None:
    signed_in(browser, server.token)
    path = route.url(**dict.fromkeys(route.placeholders, "x"))
    bodies: list[dict[str, Any]] = [
        {"data": {}},
        {"data": {"path": "x"}, "files": {"file": ("x", b"x")}},
    ]
    for body in bodies:
        answer = browser.request(route.method, path, **body)
        assert answer.status_code in {400, 403, 404}, answer.text
        assert "location" not in answer.headers
    assert browser.get("/variables").status_code == 200


def test_a_session_is_a_credential_of_the_api_too(
    server: RunningServer, browser: httpx.Client
) -> None:
    csrf = signed_in(browser, server.token)
    assert browser.get("/api/v1/pipelines").status_code == 200
    path, body = "/api/v1/environment-variables", {"environment_variables": {"FROM_API": "1"}}
    assert browser.put(path, json=body).status_code == 403
    assert browser.put(path, json=body, headers={"X-Headrace-CSRF": csrf}).status_code == 200
    deleted = browser.delete(f"{path}/FROM_API", headers={"X-Headrace-CSRF": csrf})
    assert deleted.status_code == 200
    # An endpoint has a token of its own, which a session does not replace.
    assert browser.post("/endpoints/none", json={}).status_code in {401, 404}


def test_a_session_ends_with_the_token_that_it_was_opened_with(
    server: RunningServer, browser: httpx.Client
) -> None:
    name = f"t-{uuid.uuid4().hex[:8]}"
    with HeadraceSdk(server.token, server.url) as sdk:
        made = browser.post("/sign-in", data={"token": sdk.create_token(name)["token"]})
        assert made.status_code == 303
        assert browser.get("/variables").status_code == 200
        sdk.revoke_token(name)
    assert browser.get("/variables").status_code == 303
    assert browser.get("/api/v1/pipelines").status_code == 401


def test_a_session_outlives_the_server_and_is_nowhere_in_its_files(own_server, tmp_path) -> None:
    running = own_server()
    with httpx.Client(base_url=running.url, trust_env=False) as browser:
        signed_in(browser, running.token)
        (token,) = browser.cookies.values()
        running.kill()
        running.start()
        assert browser.get("/variables").status_code == 200
    held = b"".join(file.read_bytes() for file in running.data_dir.glob("headrace.*"))
    assert token.encode() not in held
    assert token not in running.log.read_text()
