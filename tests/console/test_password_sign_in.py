"""Signing in by name and password, and what attackers get by trying.

The server listens on the loopback network, whose addresses stand for those of the world: each
browser here comes from one of its own, so that no test uses up the tries of another.
"""

from __future__ import annotations

import re
import secrets
import uuid
from collections.abc import Callable, Iterator
from functools import partial

import httpx
import pytest
from tests.conftest import RunningServer
from tests.console.conftest import IMAGE, SCRIPT

from headrace import HeadraceSdk
from headrace.core.tries import OF_ADDRESS

PASSWORD = "eleven blue horses"
OTHER = "twelve green horses"

Come = Callable[..., httpx.Client]


@pytest.fixture
def come(server: RunningServer) -> Iterator[Come]:
    """Returns a browser that comes from an address where nobody was before, or from a given one."""
    opened = []

    def browser(address: str = "") -> httpx.Client:
        client = httpx.Client(
            base_url=server.url,
            headers={"accept": "text/html"},
            transport=httpx.HTTPTransport(local_address=address or somewhere()),
            timeout=60,
        )
        opened.append(client)
        return client

    yield browser
    for client in opened:
        client.close()


@pytest.fixture
def ada(desk) -> Iterator[str]:
    """Name of a user, who is removed in the end."""
    name = f"ada-{uuid.uuid4().hex[:8]}"
    desk.sdk.create_user(name, PASSWORD, f"{name}@example.com")
    yield name
    if name in [user["name"] for user in desk.sdk.list_users()]:
        desk.sdk.remove_user(name)


def somewhere() -> str:
    return ".".join(["127", *(str(1 + secrets.randbelow(254)) for _ in range(3))])


def nobody() -> str:
    return f"nobody-{uuid.uuid4().hex[:8]}"


def sign_in(browser: httpx.Client, name: str, password: str = PASSWORD) -> httpx.Response:
    return browser.post("/sign-in", data={"name": name, "password": password})


def kept_out(trying: Callable[[], httpx.Response]) -> httpx.Response:
    """Try until it is refused; on a slow machine, tries come back meanwhile."""
    for _ in range(100):
        answer = trying()
        if answer.status_code == 429:
            return answer
        assert answer.status_code == 401
    raise AssertionError("nothing keeps an attacker out")


def is_in(browser: httpx.Client) -> bool:
    return browser.get("/variables").status_code == 200


def csrf_of(browser: httpx.Client) -> str:
    found = re.search(r'<meta name="csrf" content="(\w+)">', browser.get("/variables").text)
    assert found
    return found[1]


def test_a_person_signs_in_by_name_or_address_in_any_case(come: Come, ada: str) -> None:
    for identity in (ada, ada.upper(), f" {ada}@EXAMPLE.com "):
        browser = come()
        answer = sign_in(browser, identity)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        page = browser.get("/variables").text
        assert f">{ada}</" in page
        assert browser.get("/api/v1/users/me").json()["name"] == ada


def test_an_unknown_name_and_a_wrong_password_look_the_same(come: Come, ada: str) -> None:
    pages = []
    for name in (ada, nobody(), "admin", f"{ada}@example.org"):
        answer = sign_in(come(), name, OTHER)
        assert answer.status_code == 401
        assert "The name or the password is wrong." in answer.text
        assert OTHER not in answer.text
        assert "set-cookie" not in answer.headers
        pages.append(re.sub(r'nonce="[^"]*"', "", answer.text).replace(f'value="{name}"', ""))
    assert len(set(pages)) == 1


def test_what_was_typed_is_shown_and_never_run(come: Come) -> None:
    for text in (SCRIPT, IMAGE, "\x00", "a" * 5000):
        answer = sign_in(come(), text)
        assert answer.status_code in {400, 401}
        assert SCRIPT not in answer.text
        assert "<img" not in answer.text
    for form in ({}, {"name": "ada"}, {"password": PASSWORD}, {"name": " ", "password": "x"}):
        answer = come().post("/sign-in", data=form)
        assert answer.status_code == 400
        assert "Give your name and your password" in answer.text


def test_an_address_is_kept_out_after_too_many_tries_and_others_are_not(
    come: Come, ada: str, server: RunningServer
) -> None:
    address = somewhere()
    forms = [{"token": "hdr_wrong"}, {"name": nobody(), "password": OTHER}]

    def tried(form: dict[str, str]) -> httpx.Response:
        return come(address).post("/sign-in", data=form)

    for number in range(OF_ADDRESS.in_a_row):
        assert tried(forms[number % 2]).status_code == 401
    for form in forms:
        refused = kept_out(partial(tried, form))
        assert 1 <= int(refused.headers["retry-after"]) <= OF_ADDRESS.every_s
        assert "too many tries with wrong passwords or tokens: wait" in refused.text
    assert sign_in(come(), ada).status_code == 303
    # A right token cannot be a guess.
    assert tried({"token": server.token}).status_code == 303


def test_the_right_password_is_refused_as_well_while_an_address_is_kept_out(
    come: Come, ada: str
) -> None:
    address = somewhere()
    kept_out(lambda: come(address).post("/sign-in", data={"token": "hdr_wrong"}))
    kept_out(lambda: sign_in(come(address), ada, OTHER))
    # Ten failures in a row are none of the owner's business elsewhere.
    assert sign_in(come(), ada).status_code == 303


def test_a_browser_that_was_known_before_is_not_kept_out_with_its_address(
    come: Come, ada: str
) -> None:
    own = come(address := somewhere())
    assert sign_in(own, ada).status_code == 303
    (mark,) = (cookie for cookie in own.cookies.jar if cookie.name == "headrace-browser")
    assert mark.has_nonstandard_attr("HttpOnly")
    assert own.post("/sign-out", data={"csrf": csrf_of(own)}).status_code == 303
    kept_out(lambda: come(address).post("/sign-in", data={"token": "hdr_wrong"}))
    kept_out(lambda: sign_in(come(address), ada, OTHER))
    assert sign_in(own, ada).status_code == 303


def test_behind_a_trusted_proxy_callers_are_told_apart_and_cannot_choose_who_they_are(
    own_server: Callable[..., RunningServer],
) -> None:
    running = own_server(HEADRACE_TRUSTED_PROXIES="127.0.0.1")
    with httpx.Client(base_url=running.url, trust_env=False, timeout=60) as proxy:

        def tried(forwarded: str) -> httpx.Response:
            headers = {"x-forwarded-for": forwarded}
            return proxy.post("/sign-in", data={"token": "hdr_wrong"}, headers=headers)

        made_up = (f"203.0.113.{number}, 192.0.2.1" for number in range(200))
        kept_out(lambda: tried(next(made_up)))
        assert tried("192.0.2.2").status_code == 401


def test_a_made_up_address_is_not_believed(come: Come) -> None:
    address, numbers = somewhere(), iter(range(200))

    def tried() -> httpx.Response:
        headers = {"x-forwarded-for": f"203.0.113.{next(numbers)}"}
        return come(address).post("/sign-in", data={"token": "hdr_wrong"}, headers=headers)

    kept_out(tried)


def test_signing_in_takes_no_session_that_was_planted(come: Come, ada: str) -> None:
    attacker, victim = come(), come()
    sign_in(attacker, ada)
    planted = attacker.cookies["headrace-session"]
    for cookie in (planted, "chosen-by-an-attacker"):
        form = {"name": ada, "password": PASSWORD}
        answer = victim.post(
            "/sign-in", data=form, headers={"cookie": f"headrace-session={cookie}"}
        )
        assert answer.status_code == 303
        assert answer.cookies["headrace-session"] not in {planted, cookie}
    # What was planted has ended.
    assert not is_in(attacker)


@pytest.mark.parametrize(
    "header", [{"origin": "https://elsewhere.example"}, {"sec-fetch-site": "cross-site"}], ids=str
)
def test_another_site_signs_nobody_in_by_a_password(
    come: Come, ada: str, header: dict[str, str]
) -> None:
    form = {"name": ada, "password": PASSWORD}
    answer = come().post("/sign-in", data=form, headers=header)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_sessions_end_when_the_password_changes_or_the_user_goes(
    come: Come, ada: str, server: RunningServer
) -> None:
    one, two = come(), come()
    for browser in (one, two):
        sign_in(browser, ada)
        assert is_in(browser)
    csrf = {"X-Headrace-CSRF": csrf_of(one)}
    path = f"/api/v1/users/{ada}/password"
    body = {"password": OTHER}
    assert one.put(path, json=body).status_code == 403
    for current in (None, OTHER, ["x"]):
        sent = body | {"current_password": current}
        refused = one.put(path, json=sent, headers=csrf)
        assert refused.status_code == 403
        assert "current_password" in refused.json()["message"]
    assert two.get("/variables").status_code == 200
    changed = one.put(path, json=body | {"current_password": PASSWORD}, headers=csrf)
    assert changed.status_code == 200
    assert (is_in(one), is_in(two)) == (True, False)
    assert sign_in(two, ada).status_code == 401
    assert sign_in(two, ada, OTHER).status_code == 303
    with HeadraceSdk(server.token, server.url) as sdk:
        sdk.set_password(ada, PASSWORD)
        assert (is_in(one), is_in(two)) == (False, False)
        sign_in(one, ada)
        assert is_in(one)
        sdk.remove_user(ada)
    assert not is_in(one)
    assert one.get("/api/v1/pipelines").status_code == 401
    assert sign_in(come(), ada).status_code == 401


def test_passwords_and_sessions_are_nowhere_in_the_log(
    come: Come, ada: str, server: RunningServer
) -> None:
    browser = come()
    sign_in(browser, ada)
    log = server.log.read_text()
    for secret in (PASSWORD, *browser.cookies.values()):
        assert secret not in log
