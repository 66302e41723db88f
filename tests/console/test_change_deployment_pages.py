"""The page that changes a deployment: what differs is sent, checked by the rules of the change."""

from __future__ import annotations

import contextlib
import re
import uuid
from collections.abc import Callable, Iterator

import httpx
import pytest
from playwright.sync_api import Route, expect
from tests.console.conftest import IMAGE, SCRIPT, Desk, Seat

from headrace import Input, InputSource, NotFound, Output, OutputDestination

pytestmark = pytest.mark.system

CODE = """
def join(text, number=1):
    open("out.txt", "w").write(text * int(number))
    return {"copy": {"path": "out.txt"}}
"""


@pytest.fixture(scope="module")
def joining(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("joining")
    (folder / "main.py").write_text(CODE)
    name = f"joining-{uuid.uuid4().hex[:8]}"
    desk.sdk.create_pipeline(
        name,
        "main.py",
        "join",
        container_config={"local_folder": str(folder)},
        inputs=[Input("text", "string"), Input("number", "number")],
        outputs=[Output("copy", "file")],
    )
    yield name
    desk.sdk.delete_pipeline(name, force_deployments_deletion=True)


@pytest.fixture
def nightly(desk: Desk, joining: str) -> Iterator[str]:
    """A periodic deployment with a constant of each kind and a path."""
    name = f"nightly-{uuid.uuid4().hex[:8]}"
    desk.sdk.create_deployment(
        joining,
        name,
        execution_rule="periodic",
        schedule="0 3 * * *",
        inputs_mapping=[
            InputSource("text", constant_value=SCRIPT),
            InputSource("number", constant_value=2),
        ],
        outputs_mapping=[OutputDestination("copy", datastore_path="copies/{date}.txt")],
    )
    yield name
    with contextlib.suppress(NotFound):
        desk.sdk.delete_deployment(name)


def sent(desk: Desk, name: str, do: str, **fields: str) -> httpx.Response:
    """Send the form of a deployment as it is shown, with other texts in some fields."""
    page = desk.web.get(f"/deployments/{name}/change").text
    made = re.search(r'name="made" value="([^"]*)"', page)
    assert made
    named = {key.replace("__", "."): text for key, text in fields.items()}
    return desk.web.post(f"/deployments/{name}/change", data={"made": made[1], "do": do} | named)


def test_what_differs_is_saved_and_nothing_else(desk: Desk, nightly: str) -> None:
    before = desk.sdk.get_deployment(nightly)
    done = sent(
        desk, nightly, "save", schedule="0 4 * * *", value__number="5", place__copy="c/{date}.txt"
    )
    assert (done.status_code, done.headers["location"]) == (303, f"/deployments/{nightly}")
    after = desk.sdk.get_deployment(nightly)
    assert after["schedule"] == "0 4 * * *"
    values = {item["pipeline_input_name"]: item for item in after["inputs_mapping"]}
    assert values["number"]["constant_value"] == 5
    assert values["text"]["constant_value"] == SCRIPT
    assert after["outputs_mapping"][0]["datastore_path"] == "c/{date}.txt"
    unchanged = {"timezone", "missed", "overlap", "retries", "is_enabled", "pipeline_version"}
    assert {key: after[key] for key in unchanged & after.keys()} == {
        key: before[key] for key in unchanged & before.keys()
    }


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"schedule": "61 * * * *"}, "61"),
        ({"value__number": "many"}, "number"),
        ({"place__copy": "../out"}, "segment"),
        ({"retries": "-1"}, "retries"),
        ({"execution_timeout_s": "soon"}, "execution_timeout_s"),
        ({"schedule": ""}, "schedule must have a value"),
    ],
    ids=str,
)
def test_what_cannot_be_is_said_by_check_and_save_and_nothing_is_saved(
    desk: Desk, nightly: str, fields: dict[str, str], words: str
) -> None:
    before = desk.sdk.get_deployment(nightly)
    for do, status in (("check", 200), ("save", 400)):
        answer = sent(desk, nightly, do, **fields)
        assert answer.status_code == status
        assert words in answer.text
        assert "can be saved" not in answer.text
    assert desk.sdk.get_deployment(nightly) == before


def test_a_check_saves_nothing(desk: Desk, nightly: str) -> None:
    answer = sent(desk, nightly, "check", schedule="0 5 * * *")
    assert "Another schedule can be saved" in answer.text
    assert "At 05:00 AM" in answer.text
    assert desk.sdk.get_deployment(nightly)["schedule"] == "0 3 * * *"
    assert "Nothing differs" in sent(desk, nightly, "check").text


def test_a_form_of_another_state_changes_nothing(desk: Desk, nightly: str) -> None:
    page = desk.web.get(f"/deployments/{nightly}/change").text
    made = re.search(r'name="made" value="([^"]*)"', page)
    assert made
    desk.sdk.update_deployment(nightly, schedule="0 6 * * *")
    answer = desk.web.post(
        f"/deployments/{nightly}/change",
        data={"made": made[1], "do": "save", "schedule": "0 3 * * *"},
    )
    assert answer.status_code == 409
    assert "was changed meanwhile" in answer.text
    assert desk.sdk.get_deployment(nightly)["schedule"] == "0 6 * * *"


@pytest.mark.parametrize("field", ["name", "rule", "value.other", "pods", "endpoint_url_path"])
def test_other_fields_are_refused(desk: Desk, nightly: str, field: str) -> None:
    answer = desk.web.post(f"/deployments/{nightly}/change", data={"do": "save", field: "x"})
    assert answer.status_code == 400
    assert field in answer.text


def test_strangers_are_sent_to_the_way_in(desk: Desk, nightly: str) -> None:
    url = f"{desk.server.url}/deployments/{nightly}/change"
    assert httpx.get(url, trust_env=False).status_code == 303
    assert httpx.post(url, data={"do": "save"}, trust_env=False).status_code in {303, 401, 403}


def test_axe_finds_nothing(nightly: str, faults: Callable[[str], list[str]]) -> None:
    assert faults(f"/deployments/{nightly}/change") == []


def test_what_is_typed_before_the_scripts_are_there_is_checked(
    desk: Desk, nightly: str, seat: Seat
) -> None:
    held: list[Route] = []
    seat.page.route("**/htmx*.js", lambda route: held.append(route))  # noqa: PLW0108 - a method of a list has no attributes
    seat.page.goto(f"/deployments/{nightly}/change", wait_until="commit")
    seat.page.get_by_label("Cron expression").fill("30 7 * * 1-5")
    held[0].continue_()
    expect(seat.page.locator("#answer")).to_contain_text("Another schedule can be saved")


def test_it_is_used_in_a_browser(desk: Desk, nightly: str, seat: Seat) -> None:
    page = seat.page
    page.goto(f"/deployments/{nightly}")
    page.get_by_role("link", name="Change", exact=True).click()
    page.get_by_label("Cron expression").fill("30 7 * * 1-5")
    expect(page.locator("#answer")).to_contain_text("Another schedule can be saved")
    expect(page.locator("#fire-times")).to_contain_text("Monday through Friday")
    page.get_by_label("text a constant").fill(IMAGE)
    expect(page.locator("#answer")).to_contain_text("inputs_mapping")
    page.get_by_role("button", name="Save").click()
    expect(page).to_have_url(re.compile(rf"/deployments/{nightly}$"))
    after = desk.sdk.get_deployment(nightly)
    assert after["schedule"] == "30 7 * * 1-5"
    assert {item.get("constant_value") for item in after["inputs_mapping"]} == {IMAGE, 2}
    page.goto(f"/deployments/{nightly}/change")
    assert page.evaluate("window.planted") is None
    assert seat.told == []
