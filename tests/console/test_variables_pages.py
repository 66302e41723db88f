"""The page of the variables."""

from __future__ import annotations

import html
import uuid
from collections.abc import Callable

from tests.console.conftest import SCRIPT, Desk, Seat


def fresh() -> str:
    return f"V{uuid.uuid4().hex[:10].upper()}"


def test_a_variable_is_set_shown_when_asked_for_and_deleted(desk: Desk, seat: Seat) -> None:
    page, name = seat.page, fresh()
    page.goto("/variables")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Value", exact=True).fill("0.5 & more")
    page.get_by_role("button", name="Set").click()
    page.get_by_text(f"{name} is set.").wait_for()
    assert "0.5 & more" not in page.inner_text("main")
    page.get_by_label(f"Show the value of {name}").click()
    page.get_by_text("0.5 & more").wait_for()
    known = {item["name"]: item["value"] for item in desk.sdk.list_environment_variables()}
    assert known[name] == "0.5 & more"
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_label(f"Delete {name}").click()
    page.get_by_text(f"{name} is deleted.").wait_for()
    assert name not in {item["name"] for item in desk.sdk.list_environment_variables()}
    assert seat.told == []


def test_a_refusal_shows_the_form_again_with_what_was_typed(desk: Desk) -> None:
    answer = desk.web.post("/variables", data={"name": "1x", "value": SCRIPT})
    assert answer.status_code == 400
    assert "cannot be the name of an environment variable" in answer.text
    assert 'value="1x"' in answer.text
    assert html.escape(SCRIPT) in answer.text
    assert SCRIPT not in answer.text
    assert desk.web.post("/variables/delete", data={"name": fresh()}).status_code == 404
    assert desk.web.post("/variables", data={"name": "A", "more": "x"}).status_code == 400


def test_a_value_cannot_run(desk: Desk, seat: Seat) -> None:
    name = fresh()
    desk.sdk.create_or_update_environment_variable(name, SCRIPT)
    seat.page.goto(f"/variables?show={name}")
    seat.page.get_by_text(SCRIPT).wait_for()
    assert seat.page.evaluate("() => window.planted") is None
    assert seat.told == []
    desk.sdk.delete_environment_variable(name)


def test_the_page_is_for_everybody(desk: Desk, faults: Callable[[str], list[str]]) -> None:
    name = fresh()
    desk.sdk.create_or_update_environment_variable(name, "x")
    assert faults(f"/variables?show={name}") == []
    desk.sdk.delete_environment_variable(name)
