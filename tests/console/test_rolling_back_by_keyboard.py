"""A deployment goes back to an older version of its pipeline, by the keyboard alone."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Dialog
from tests.console.conftest import Desk, Keys, Seat

from headrace import Input, Output

WORDS = ("Hello", "Welcome", "Good evening")


@pytest.fixture
def greeter(desk: Desk, tmp_path: Path) -> Iterator[str]:
    """The name of a pipeline with three versions, and of an endpoint that follows the current."""
    name = f"greeter-{uuid.uuid4().hex[:8]}"
    for word in WORDS:
        (tmp_path / "greet.py").write_text(
            f"def greet(name):\n    return {{'greeting': f'{word}, {{name}}'}}\n"
        )
        desk.sdk.create_pipeline(
            name,
            "greet.py",
            "greet",
            container_config={"local_folder": str(tmp_path)},
            inputs=[Input("name", "string", is_required=True)],
            outputs=[Output("greeting", "string")],
            message=f"{word} it is",
            replace=True,
        )
    desk.sdk.create_deployment(name, name, "endpoint")
    yield name
    desk.sdk.delete_pipeline(name, force_deployments_deletion=True)


def greeting(desk: Desk, endpoint: str) -> str:
    token = desk.sdk.get_deployment(endpoint)["endpoint_token"]
    answer = httpx.post(
        f"{desk.server.url}/endpoints/{endpoint}",
        json={"name": "Ada"},
        headers={"authorization": f"EndpointToken {token}"},
        follow_redirects=True,
        trust_env=False,
        timeout=60,
    )
    return str(answer.json()["outputs"]["greeting"])


def test_an_older_version_is_found_compared_and_gone_back_to(
    desk: Desk, seat: Seat, greeter: str
) -> None:
    assert greeting(desk, greeter) == "Good evening, Ada"
    page, keys = seat.page, Keys(seat.page)
    asked: list[str] = []

    def agree(dialog: Dialog) -> None:
        asked.append(dialog.message)
        dialog.accept()

    page.on("dialog", agree)
    page.goto("/")
    page.get_by_role("heading").first.wait_for()
    keys.press("g", "d")
    page.wait_for_url("**/deployments")
    page.get_by_role("heading", name="Deployments").wait_for()
    keys.tab_to("#text")
    keys.type(greeter)
    keys.press("Enter")
    page.wait_for_url("**text=**")
    page.locator(f'a[href="/deployments/{greeter}"]').wait_for()
    keys.press("j", "Enter")
    page.wait_for_url(f"**/deployments/{greeter}")
    page.get_by_text("version 3").first.wait_for()
    keys.tab_to('a[href$="/versions"]')
    keys.press("Enter")
    page.get_by_role("heading", name="From version 2 to 3").wait_for()

    keys.tab_to('input[name="before"]')
    keys.press("ArrowDown")
    # Letters lead through the rows from a ticked button as from anywhere else.
    keys.press("j")
    assert page.evaluate("() => document.activeElement.textContent") == "3"
    keys.tab_back_to("#compare button")
    keys.press("Enter")
    page.get_by_role("heading", name="From version 1 to 3").wait_for()
    assert "Hello" in page.locator(".diff .take").inner_text()
    assert "Good evening" in page.locator(".diff .add").inner_text()
    keys.tab_to(".diff")
    keys.press("j", "j", "j")
    keys.tab_to('button[aria-label="Make current: version 1"]')
    keys.press("Enter")
    page.get_by_text("Version 1 is the current one.").wait_for()
    assert asked == ["Make version 1 the current one?"]

    keys.tab_to('a[href$="/run"]')
    keys.press("Enter")
    page.wait_for_url("**/run")
    keys.tab_to('[id="value.name"]')
    keys.type("Ada")
    keys.tab_to("button.main-action")
    keys.press("Enter")
    page.locator(".mapping").get_by_text("Hello, Ada").wait_for()
    assert greeting(desk, greeter) == "Hello, Ada"
    assert seat.told == []
