"""The pages of deployments."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.console.conftest import IMAGE, SCRIPT, Desk, Seat

from headrace import Input, InputSource, Output, OutputDestination

SOURCE = """
def greet(name, place=None):
    if name == "nobody":
        raise KeyError("plan")
    return {"greeting": f"Hello, {name}"}
"""


@pytest.fixture(scope="module")
def pipeline(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a pipeline."""
    folder: Path = tmp_path_factory.mktemp("code")
    (folder / "greet.py").write_text(SOURCE)
    name = f"greet-{uuid.uuid4().hex[:8]}"
    desk.sdk.create_pipeline(
        name,
        "greet.py",
        "greet",
        container_config={"local_folder": str(folder)},
        inputs=[Input("name", "string", SCRIPT, is_required=True), Input("place", "string")],
        outputs=[Output("greeting", "string")],
    )
    yield name
    desk.sdk.delete_pipeline(name, force_deployments_deletion=True)


@pytest.fixture
def endpoint(desk: Desk, pipeline: str) -> str:
    """The name of an endpoint."""
    name = f"e-{uuid.uuid4().hex[:8]}"
    desk.sdk.create_deployment(pipeline, name, "endpoint", description=IMAGE)
    return name


def call(desk: Desk, endpoint: str, **inputs: object) -> httpx.Response:
    token = desk.sdk.get_deployment(endpoint)["endpoint_token"]
    return httpx.post(
        f"{desk.server.url}/endpoints/{endpoint}",
        json=inputs,
        headers={"authorization": f"EndpointToken {token}"},
        trust_env=False,
        follow_redirects=True,
        timeout=60,
    )


def test_a_deployment_is_drawn_with_the_values_of_its_last_execution_as_they_come(
    desk: Desk, seat: Seat, endpoint: str
) -> None:
    page = seat.page
    page.goto(f"/deployments/{endpoint}")
    page.get_by_text("nothing has gone along it yet").wait_for()
    assert call(desk, endpoint, name="Ada").status_code == 200
    page.locator(".mapping").get_by_text('"Hello, Ada"').wait_for()
    page.locator(".mapping").get_by_text('"Ada"', exact=True).wait_for()
    assert call(desk, endpoint, name="nobody").status_code == 500
    page.get_by_role("link", name="KeyError: 'plan'", exact=True).wait_for()
    page.locator("#executions").get_by_text("Failed").wait_for()
    assert page.locator("#health-card .strip li").count() == 2
    assert page.evaluate("() => window.planted") is None
    assert seat.told == []


def test_the_code_to_copy_calls_it(desk: Desk, seat: Seat, endpoint: str) -> None:
    page = seat.page
    page.goto(f"/deployments/{endpoint}?show=token")
    token = desk.sdk.get_deployment(endpoint)["endpoint_token"]
    assert page.locator("#token").inner_text() == token
    page.get_by_role("tab", name="Python", exact=True).click()
    code = page.get_by_role("tabpanel", name="Python", exact=True).locator("pre").inner_text()
    sent: dict[str, object] = {}

    class Requests:
        @staticmethod
        def post(url: str, **how: object) -> httpx.Response:
            sent.update(how)
            return httpx.post(url, trust_env=False, follow_redirects=True, timeout=60, **how)  # type: ignore[arg-type]

    exec(code.replace("import requests", ""), {"requests": Requests})  # noqa: S102 - what the page shows
    assert sent["json"] == {"name": "text", "place": "text"}
    page.get_by_role("tab", name="curl").click()
    assert f"EndpointToken {token}" in page.get_by_role("tabpanel", name="curl").inner_text()
    page.goto(f"/deployments/{endpoint}")
    assert token not in page.content()


def test_it_is_disabled_enabled_given_another_token_and_deleted(
    desk: Desk, seat: Seat, endpoint: str
) -> None:
    page = seat.page
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"/deployments/{endpoint}")
    page.get_by_role("button", name="Disable").click()
    page.get_by_text(f"{endpoint} is disabled.").wait_for()
    assert call(desk, endpoint, name="Ada").status_code == 409
    page.get_by_role("button", name="Enable").click()
    page.get_by_text(f"{endpoint} is enabled.").wait_for()
    before = desk.sdk.get_deployment(endpoint)["endpoint_token"]
    page.get_by_role("button", name="Make another").click()
    page.locator("#token").wait_for()
    after = desk.sdk.get_deployment(endpoint)["endpoint_token"]
    assert page.locator("#token").inner_text() == after != before
    page.get_by_role("button", name="Delete").click()
    page.get_by_text(f"{endpoint} is deleted.").wait_for()
    assert desk.web.get(f"/deployments/{endpoint}").status_code == 404
    assert seat.told == []


def test_the_list_shows_what_fits_a_text(desk: Desk, endpoint: str) -> None:
    shown = desk.web.get("/deployments", params={"text": endpoint[2:]}).text
    assert re.findall(r'<th scope="row"><a href="/deployments/([^"]+)">', shown) == [endpoint]
    none = desk.web.get("/deployments", params={"text": SCRIPT}).text
    assert "No deployment has that in its name" in none
    assert SCRIPT not in none


def test_a_change_that_says_nothing_or_nonsense_is_refused(desk: Desk, endpoint: str) -> None:
    for form in ({}, {"is_enabled": "yes"}, {"version": "x"}, {"version": "9"}):
        answer = desk.web.post(f"/deployments/{endpoint}", data=form)
        assert answer.status_code in {400, 404}, form
    assert desk.sdk.get_deployment(endpoint)["is_enabled"] is True


def test_fire_times_are_a_strip_and_a_ledger(desk: Desk, pipeline: str) -> None:
    name = f"p-{uuid.uuid4().hex[:8]}"
    desk.sdk.create_deployment(
        pipeline,
        name,
        "periodic",
        schedule="0 3 * * 1",
        inputs_mapping=[
            InputSource("name", constant_value="Ada"),
            InputSource("place", is_null=True),
        ],
        outputs_mapping=[OutputDestination("greeting", is_null=True)],
    )
    shown = desk.web.get(f"/deployments/{name}/fire-times").text
    assert '<table class="calendar">' in shown
    assert "At 03:00, on Mondays" in shown or "Monday" in shown
    assert shown.count('<li class="next">') == 5
    assert "No fire time has come yet." in shown
    overview = desk.web.get(f"/deployments/{name}").text
    assert "Next fire times" in overview
    assert "Call it" not in overview
    desk.sdk.delete_deployment(name)


def test_the_pages_are_for_everybody(
    desk: Desk, endpoint: str, faults: Callable[[str], list[str]]
) -> None:
    call(desk, endpoint, name="Ada")
    for path in ("/deployments", f"/deployments/{endpoint}?show=token"):
        assert faults(path) == [], path


def test_a_deployment_shows_its_calls_over_time_and_a_list_its_ends(
    desk: Desk, seat: Seat, endpoint: str
) -> None:
    page = seat.page
    assert call(desk, endpoint, name="Ada").status_code == 200
    page.goto(f"/deployments/{endpoint}")
    page.locator("#over-time .uplot canvas").first.wait_for()
    assert page.locator("#over-time .uplot canvas").count() == 2
    page.get_by_role("navigation", name="Range").get_by_role("link", name="1h").click()
    page.get_by_text("in the last 1h").wait_for()
    page.goto(f"/deployments?text={endpoint.upper()}")
    row = page.get_by_role("row").filter(has_text=endpoint)
    assert row.locator(".strip li").count() == 1
    row.get_by_text("0 %").wait_for()
    assert seat.told == []
    refused = desk.web.get(f"/deployments/{endpoint}?range=1y")
    assert refused.status_code == 400


def test_a_pipeline_shows_its_ends_in_the_list(desk: Desk, endpoint: str, pipeline: str) -> None:
    call(desk, endpoint, name="nobody")
    shown = desk.web.get(f"/pipelines?text={pipeline}").text
    assert f'aria-label="Latest ends of {pipeline}"' in shown
    assert "KeyError: &#39;plan&#39;" in shown
