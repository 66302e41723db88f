"""The pages of the settings and of what machines used."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable

import pytest
from sqlalchemy import delete, insert
from tests.conftest import wait_until
from tests.console.conftest import SCRIPT, Desk, Seat
from tests.records import changing

from headrace import HeadraceSdk
from headrace.console import monitoring
from headrace.core.resources import SAMPLE_S
from headrace.store.tables import resource_samples


def test_a_token_is_made_shown_once_and_revoked(desk: Desk, seat: Seat) -> None:
    page, name = seat.page, f"t-{uuid.uuid4().hex[:8]}"
    page.goto("/settings/tokens")
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Create").click()
    token = page.get_by_label("The token", exact=True).inner_text()
    with HeadraceSdk(token, desk.server.url) as sdk:
        sdk.list_pipelines()
    page.goto("/settings/tokens")
    assert token not in page.content()
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_label(f"Revoke {name}").click()
    page.get_by_text(f"The token {name} is revoked.").wait_for()
    assert seat.told == []
    twice = desk.web.post("/settings/tokens", data={"name": "no good name!" + SCRIPT})
    assert twice.status_code == 400
    assert SCRIPT not in twice.text


def test_the_projects_settings_are_changed_and_refused_in_the_words_of_the_api(desk: Desk) -> None:
    before = dict(desk.sdk.get_project_information())
    form = {
        "language": "python:3.11-slim",
        "requirements_path": "requirements.txt",
        "included_folders": "src\nconfig\n",
    }
    try:
        assert desk.web.post("/settings", data=form).status_code == 303
        changed = desk.sdk.get_project_information()
        assert changed["requirements_path"] == "requirements.txt"
        assert changed["included_folders"] == ["src", "config"]
        refused = desk.web.post("/settings", data=form | {"requirements_path": "../" + SCRIPT})
        assert refused.status_code == 400
        assert "leaves the pipeline&#39;s folder" in refused.text
        assert SCRIPT not in refused.text
        assert desk.sdk.get_project_information() == changed
    finally:
        desk.sdk.update_project_information(**before)


def test_the_machine_is_drawn_with_a_table_behind_each_plot(desk: Desk, seat: Seat) -> None:
    # A server looks at its machine ten seconds after its start.
    wait_until(lambda: "As a table" in desk.web.get("/monitoring").text, timeout_s=60)
    seat.page.goto("/monitoring?range=1h")
    assert seat.page.locator("time-chart .uplot canvas").count() == 4
    seat.page.get_by_text("As a table").first.click()
    first = seat.page.locator("time-chart table td.number").first.inner_text()
    assert re.fullmatch(r"[\d.]+ %", first)
    assert seat.told == []
    assert desk.web.get("/monitoring?range=1y").status_code == 400
    address = re.search(r'href="([^"]+)" download', desk.web.get("/monitoring").text)
    assert address
    lines = desk.web.get(address[1].replace("&amp;", "&")).text.splitlines()
    assert lines[0].startswith("timestamp,worker,cpu_usage")
    assert len(lines) > 1


def test_graphics_processors_are_drawn_where_there_are_some(desk: Desk) -> None:
    with changing(desk.server.records) as connection:
        sample = {
            "worker": "with-gpu",
            "at_ms": int(time.time() * 1000) - 1000,
            "seconds": SAMPLE_S,
            **dict.fromkeys(("cpu", "ram", "disk", "received", "sent"), 1),
            "gpu": 43.5,
            "vram": 21.25,
        }
        connection.execute(insert(resource_samples).values(sample))
    try:
        shown = desk.web.get("/monitoring?server=with-gpu").text
        assert "Graphics processors" in shown
        assert "43.5" in shown
        assert "Graphics processors" not in desk.web.get("/monitoring").text
    finally:
        with changing(desk.server.records) as connection:
            connection.execute(
                delete(resource_samples).where(resource_samples.c.worker == "with-gpu")
            )


@pytest.mark.parametrize("seconds", monitoring.RANGES.values())
def test_each_point_of_a_line_is_made_of_as_many_samples(seconds: int) -> None:
    distance = monitoring._distance_s(seconds)
    assert distance % SAMPLE_S == 0
    assert seconds / distance <= monitoring.POINTS


def test_the_pages_are_for_everybody(desk: Desk, faults: Callable[[str], list[str]]) -> None:
    wait_until(lambda: "As a table" in desk.web.get("/monitoring").text, timeout_s=60)
    for path in (
        "/settings",
        "/settings/tokens",
        "/settings/server",
        "/monitoring",
        "/monitoring/metrics?name=none",
        "/sign-in",
        "/no-such-page",
        "/search?text=x",
    ):
        assert faults(path) == [], path
