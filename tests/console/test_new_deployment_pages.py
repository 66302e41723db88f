"""The page that creates deployments: checked while it is filled, by the rules of the creation."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Browser, expect
from tests.console.conftest import IMAGE, SCRIPT, Desk, Seat

from headrace import Input, InputSource, NotFound, Output, OutputDestination

pytestmark = pytest.mark.system

CODE = """
def judge(text, limit=3, table=None):
    if table is not None:
        text = open(table["path"]).read()
    open("copy.txt", "w").write(text)
    return {"is_long": len(text) > limit, "copy": {"path": "copy.txt"}}
"""
NEW = "/new-deployment"


@pytest.fixture(scope="module")
def judge(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A pipeline with values and files on both sides."""
    folder = tmp_path_factory.mktemp("judge")
    (folder / "main.py").write_text(CODE)
    name = f"judge-{uuid.uuid4().hex[:8]}"
    desk.sdk.create_pipeline(
        name,
        "main.py",
        "judge",
        container_config={"local_folder": str(folder)},
        inputs=[
            Input("text", "string", description=SCRIPT, is_required=True),
            Input("limit", "number", default_value=3),
            Input("table", "file"),
        ],
        outputs=[Output("is_long", "boolean"), Output("copy", "file")],
    )
    return name


@pytest.fixture
def name(desk: Desk) -> Iterator[str]:
    """A name for a deployment, which is deleted afterwards."""
    chosen = f"drawn-{uuid.uuid4().hex[:8]}"
    yield chosen
    with contextlib.suppress(NotFound):
        desk.sdk.delete_deployment(chosen)


def options_of(page: str, select: str) -> list[str]:
    """The values that a select of a page has."""
    found = re.search(rf'<select[^>]* name="{re.escape(select)}".*?</select>', page, re.DOTALL)
    assert found, select
    return re.findall(r'<option value="(\w+)"', found[0])


def test_only_what_fits_can_be_chosen(desk: Desk, judge: str) -> None:
    endpoint = desk.web.get(NEW, params={"pipeline": judge}).text
    values = ["endpoint", "constant", "environment_variable", "is_null"]
    assert options_of(endpoint, "source.text") == values
    assert options_of(endpoint, "source.table") == ["endpoint", "datastore", "is_null"]
    assert options_of(endpoint, "goal.is_long") == ["endpoint", "is_null"]
    assert options_of(endpoint, "goal.copy") == ["endpoint", "datastore", "is_null"]
    periodic = desk.web.get(NEW, params={"pipeline": judge, "rule": "periodic"}).text
    assert options_of(periodic, "source.text") == values[1:]
    assert options_of(periodic, "goal.is_long") == ["is_null"]


def test_a_check_makes_nothing_and_says_what_is_wrong_where_it_is(
    desk: Desk, judge: str, name: str
) -> None:
    form = {
        "pipeline": judge,
        "rule": "periodic",
        "name": name,
        "schedule": "0 3 * * *",
        "timezone": "Europe/Paris",
        "source.text": "constant",
        "value.text": "long enough",
        "source.limit": "constant",
        "value.limit": "many",
        "source.table": "is_null",
        "goal.copy": "datastore",
        "place.copy": "results/{nothing}",
        "pods": "ignored by elastic ones",
    }
    checked = desk.web.post(NEW, data=form)
    assert checked.status_code == 200
    assert "its constant_value must be of type number" not in checked.text
    assert re.search(r'id="wrong-goal.copy">[^<]*unknown pattern', checked.text)
    form["place.copy"] = "results/{date}"
    checked = desk.web.post(NEW, data=form)
    assert re.search(r'id="wrong-source.limit">[^<]*must be of type number', checked.text)
    assert "It can be created" not in checked.text
    refused = desk.web.post(NEW, data={**form, "do": "create"})
    assert refused.status_code == 400
    assert 'value="many"' in refused.text
    form["value.limit"] = "7"
    good = desk.web.post(NEW, data=form)
    assert "It can be created" in good.text
    assert "At 03:00 AM" in good.text
    assert "times in a year" in good.text
    with pytest.raises(NotFound):
        desk.sdk.get_deployment(name)
    made = desk.web.post(NEW, data={**form, "do": "create"})
    assert (made.status_code, made.headers["location"]) == (303, f"/deployments/{name}")
    shown = desk.sdk.get_deployment(name)
    sources = {item["pipeline_input_name"]: item for item in shown["inputs_mapping"]}
    assert sources["limit"]["constant_value"] == 7
    assert shown["timezone"] == "Europe/Paris"


@pytest.mark.parametrize(
    ("more", "field", "says"),
    [
        ({"name": "a/b"}, "name", "name"),
        ({"rule": "periodic", "schedule": "61 * * * *"}, "schedule", "0 to 59"),
        ({"rule": "periodic", "timezone": "Mars", "schedule": "* * * * *"}, "timezone", "IANA"),
        ({"mode": "low_latency", "pods": "many"}, "pods", "whole number"),
        ({"retries": "-1"}, "retries", "from 0 to 100"),
    ],
    ids=lambda it: str(it)[:20],
)
def test_refusals_stand_beside_their_fields(
    desk: Desk, judge: str, name: str, more: dict[str, str], field: str, says: str
) -> None:
    form = {"pipeline": judge, "name": name, "source.text": "constant", "source.limit": "is_null"}
    form |= {"source.table": "is_null", "value.text": "a"}
    page = desk.web.post(NEW, data=form | more).text
    assert re.search(rf'id="wrong-{field}">[^<]*{says}', page)


def test_a_deployment_is_duplicated(desk: Desk, judge: str, name: str) -> None:
    desk.sdk.create_deployment(
        judge,
        name,
        "endpoint",
        inputs_mapping=[
            InputSource("text", endpoint_input_name="words", default_value="none"),
            InputSource("limit", constant_value=5),
            InputSource("table", is_null=True),
        ],
        outputs_mapping=[OutputDestination("copy", datastore_path="copies/{execution_id}")],
        retries=2,
    )
    page = desk.web.get(NEW, params={"like": name})
    assert page.status_code == 200
    for field, text in (
        ("value.text", "words"),
        ("default.text", "none"),
        ("value.limit", "5"),
        ("place.copy", "copies/{execution_id}"),
        ("retries", "2"),
    ):
        assert re.search(rf'name="{re.escape(field)}" value="{re.escape(text)}"', page.text), field
    assert f"{NEW}?like={name}" in desk.web.get(f"/deployments/{name}").text


def test_strangers_make_nothing(desk: Desk, judge: str, name: str) -> None:
    form = {"pipeline": judge, "name": name, "do": "create"}
    asked = httpx.post(desk.server.url + NEW, data=form, trust_env=False)
    assert asked.status_code == 401
    unknown = desk.web.post(NEW, data=form | {"other": "1"})
    assert unknown.status_code == 400
    assert desk.web.get(NEW, params={"pipeline": "no-such-one"}).status_code == 404
    assert desk.web.get(NEW, params={"pipeline": judge, "version": "x"}).status_code == 400


def test_an_endpoint_is_drawn_with_the_keyboard_and_called(
    seat: Seat, desk: Desk, judge: str, name: str
) -> None:
    page = seat.page
    page.goto(f"{NEW}?pipeline={judge}")
    page.get_by_label("Name", exact=True).focus()
    page.keyboard.type(name)
    page.get_by_label("Source of table").focus()
    page.keyboard.type("nothing")
    page.get_by_label("Destination of copy").focus()
    page.keyboard.type("nowhere")
    page.get_by_label("value of limit").wait_for(state="detached")
    page.get_by_label("Source of limit").focus()
    page.keyboard.type("a constant")
    page.keyboard.press("Tab")
    page.get_by_label("value of limit").focus()
    page.keyboard.type("x")
    expect(page.locator('[id="wrong-source.limit"]')).to_contain_text("must be of type number")
    page.keyboard.press("Backspace")
    page.keyboard.type("4")
    expect(page.locator("#answer")).to_contain_text("It can be created")
    assert page.get_by_label("Name", exact=True).input_value() == name
    page.get_by_role("button", name="Create").focus()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/deployments/{name}?show=token")
    token = page.locator("#token").inner_text()
    answer = httpx.post(
        f"{desk.server.url}/endpoints/{name}",
        json={"text": "a word"},
        headers={"authorization": f"EndpointToken {token}"},
        follow_redirects=True,
        trust_env=False,
        timeout=60,
    )
    assert answer.json()["outputs"]["is_long"] is True
    assert seat.told == []


def test_a_periodic_deployment_is_made_without_javascript(
    chromium: Browser, desk: Desk, judge: str, name: str
) -> None:
    window = chromium.new_context(
        base_url=desk.server.url, extra_http_headers=desk.headers, java_script_enabled=False
    )
    window.set_default_timeout(30_000)
    page = window.new_page()
    page.goto(NEW)
    page.get_by_label("Pipeline", exact=True).select_option(judge)
    page.get_by_label("the clock").check()
    page.get_by_role("button", name="Go on").click()
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label("Cron expression").fill("30 2 * * *")
    page.get_by_label("Time zone").fill("Europe/Paris")
    page.get_by_label("value of text").fill("a text")
    page.get_by_label("Source of limit").select_option("is_null")
    page.get_by_label("Source of table").select_option("is_null")
    page.get_by_label("Destination of copy").select_option("is_null")
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#answer")).to_contain_text("It can be created")
    expect(page.locator("#fire-times")).to_contain_text("to fire at the change")
    assert page.locator("#fire-times tbody tr").count() == 10
    page.get_by_role("button", name="Create").click()
    page.wait_for_url(f"**/deployments/{name}")
    assert desk.sdk.get_deployment(name)["schedule"] == "30 2 * * *"
    window.close()


def test_what_is_typed_never_runs(seat: Seat, desk: Desk, judge: str) -> None:
    page = seat.page
    page.goto(f"{NEW}?pipeline={judge}&rule=periodic")
    for label in ("Name", "Cron expression", "Time zone", "Description"):
        page.get_by_label(label, exact=True).fill(IMAGE)
    page.get_by_label("value of text").fill(SCRIPT)
    page.get_by_role("button", name="Check").click()
    expect(page.locator("#answer")).to_contain_text("cannot")
    assert page.evaluate("() => window.planted") is None
    assert page.locator("main img").count() == 0


def test_nothing_is_wrong_with_the_pages(faults: Callable[[str], list[str]], judge: str) -> None:
    assert faults(NEW) == []
    assert faults(f"{NEW}?pipeline={judge}") == []
    assert faults(f"{NEW}?pipeline={judge}&rule=periodic&mode=low_latency") == []


@pytest.mark.parametrize(
    ("expression", "is_rehearsed"),
    [("0 * * * *", True), ("0 3 * * *", True), ("* * * * *", False), ("0-59 12-23 * * *", False)],
)
def test_what_fires_too_often_is_not_rehearsed(
    desk: Desk, judge: str, expression: str, is_rehearsed: bool
) -> None:
    page = desk.web.post(NEW, data={"pipeline": judge, "rule": "periodic", "schedule": expression})
    assert ("times in a year" in page.text) is is_rehearsed
    assert page.text.count("<tr><td>") == 10
