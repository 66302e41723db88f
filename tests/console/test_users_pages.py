"""The pages of users and of one's own password."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page
from tests.console.conftest import Desk, Seat

PASSWORD = "eleven blue horses"
OTHER = "twelve green horses"


@pytest.fixture
def name(desk: Desk) -> Iterator[str]:
    """A name, whose user is removed in the end."""
    chosen = f"eve-{uuid.uuid4().hex[:8]}"
    yield chosen
    if chosen in [user["name"] for user in desk.sdk.list_users()]:
        desk.sdk.remove_user(chosen)


def type_twice(page: Page, password: str) -> None:
    page.get_by_label("New password").fill(password)
    page.get_by_label("The same again").fill(password)


def sign_in(page: Page, name: str, password: str) -> None:
    page.goto("/sign-in?next=/settings/password")
    page.get_by_label("Name or e-mail").fill(name)
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")


def test_a_user_is_created_signs_in_changes_the_password_and_is_removed(
    desk: Desk, seat: Seat, chromium: Browser, name: str
) -> None:
    page = seat.page
    page.goto("/settings/users")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("E-mail if you like").fill(f"{name}@example.com")
    type_twice(page, "too short")
    page.get_by_role("button", name="Create").click()
    page.get_by_text("password is too short").wait_for()
    assert page.get_by_label("Name", exact=True).input_value() == name
    assert page.get_by_label("New password").input_value() == ""
    type_twice(page, PASSWORD)
    page.get_by_role("button", name="Create").click()
    page.get_by_text(f"{name} can sign in now.").wait_for()

    window = chromium.new_context(base_url=desk.server.url, locale="en-GB")
    own = window.new_page()
    sign_in(own, name, PASSWORD)
    own.wait_for_url(f"{desk.server.url}/settings/password")
    assert own.get_by_role("link", name=name, exact=True).count() == 1
    own.get_by_label("Your password until now").fill(OTHER)
    type_twice(own, OTHER)
    own.get_by_role("button", name="Change").click()
    own.get_by_text("The current password (current_password) is missing or wrong.").wait_for()
    own.get_by_label("Your password until now").fill(PASSWORD)
    type_twice(own, OTHER)
    own.get_by_role("button", name="Change").click()
    own.get_by_text("Your password is set.").wait_for()
    own.goto("/settings/users")
    row = own.get_by_role("row").filter(has_text=f"{name}@example.com")
    row.get_by_text("you", exact=True).wait_for()
    assert row.get_by_role("button").count() == 0

    page.get_by_label(f"Set password of {name}").click()
    type_twice(page, PASSWORD)
    page.get_by_role("button", name="Set", exact=True).click()
    page.get_by_text(f"The password of {name} is set").wait_for()
    own.goto("/settings/users")
    own.wait_for_url("**/sign-in?next=*")
    window.close()

    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_label(f"Remove {name}").click()
    page.get_by_text(f"{name} is removed.").wait_for()
    assert [user for user in desk.sdk.list_users() if user["name"] == name] == []
    assert [text for text in seat.told if "400" not in text] == []


def test_refusals_are_in_the_words_of_the_verb_and_keep_what_was_typed(
    desk: Desk, name: str
) -> None:
    form = {"name": name, "email": "", "password": PASSWORD, "again": OTHER}
    differ = desk.web.post("/settings/users", data=form)
    assert differ.status_code == 400
    assert "The two passwords differ" in differ.text
    assert f'value="{name}"' in differ.text
    assert PASSWORD not in differ.text
    me = str(desk.sdk.who_am_i()["name"])
    own = desk.web.post("/settings/users/remove", data={"name": me})
    assert own.status_code == 409
    assert "cannot remove yourself" in own.text
    for sent in (
        desk.web.get("/settings/users", params={"password": name}),
        desk.web.post("/settings/users/remove", data={"name": name}),
        desk.web.post(
            "/settings/users/password",
            data={"name": name, "password": PASSWORD, "again": PASSWORD},
        ),
    ):
        assert sent.status_code == 404
        assert f"There is no user named &#39;{name}&#39;" in sent.text


def test_what_users_fill_in_cannot_run(desk: Desk, seat: Seat, name: str) -> None:
    email = f'"><script>window.planted=1</script><img/src=x/onerror="window.planted=1">{name}@x'
    desk.sdk.create_user(name, PASSWORD, email)
    for path in ("/settings/users", f"/settings/users?password={name}"):
        seat.page.goto(path)
        seat.page.get_by_text(email).wait_for()
        assert seat.page.evaluate("() => window.planted") is None
    assert seat.told == []
    echoed = desk.web.post("/settings/users", data={"name": email, "email": email})
    assert echoed.status_code == 400
    assert not re.search(r"<script>window|<img", echoed.text)


def test_the_pages_are_for_all_people(
    desk: Desk, faults: Callable[[str], list[str]], name: str
) -> None:
    desk.sdk.create_user(name, PASSWORD, f"{'long' * 20}.{name}@example.com")
    desk.sdk.create_token(f"token-of-{name}", name)
    for path in ("/settings/users", f"/settings/users?password={name}", "/settings/password"):
        assert faults(path) == [], path
