"""Several executions at once, in the pages: cancelled and run again; and keyboards alone."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from tests.browsing import PATIENCE_MS
from tests.conftest import wait_until
from tests.console.conftest import SCRIPT, SOURCE, Desk, Keys, Seat, create

from headrace import PipelineExecutionFailed


def failed(desk: Desk, pipeline: str, **inputs: object) -> str:
    with pytest.raises(PipelineExecutionFailed) as raised:
        desk.sdk.run_pipeline(pipeline, inputs=inputs)
    found: str = raised.value.details["execution_id"]
    return found


@pytest.fixture
def held(desk: Desk, pipeline: str, tmp_path: Path) -> Iterator[Callable[[], str]]:
    """Starts executions that run until the end of the test."""
    gate = tmp_path / "gate"

    def start() -> str:
        started = desk.sdk.run_pipeline(
            pipeline, inputs={"name": "held", "until": str(gate)}, wait_for_completion=False
        )
        return str(started["execution_id"])

    yield start
    gate.touch()


def status_of(desk: Desk, execution_id: str) -> str:
    return str(desk.sdk.get_pipeline_execution(execution_id)["status"])


def test_those_that_are_ticked_are_cancelled_then_all_that_fit(
    desk: Desk, seat: Seat, pipeline: str, held: Callable[[], str]
) -> None:
    first, second, third = held(), held(), held()
    page = seat.page
    page.goto(f"/executions?pipeline_name={pipeline}&status=Running&status=Pending")
    page.locator(f'input[value="{first}"]').check()
    page.locator(f'input[value="{second}"]').check()
    page.get_by_text("With 2 ticked:").wait_for()
    page.get_by_role("button", name="Cancel…").click()
    page.get_by_role("heading", name="Cancel 2 executions?").wait_for()
    page.get_by_role("button", name="Cancel 2 executions").click()
    page.get_by_text("Cancelled 2 executions.").wait_for()
    assert [status_of(desk, one) for one in (first, second)] == ["Failed", "Failed"]
    assert status_of(desk, third) in {"Pending", "Running"}
    page.goto(f"/executions?pipeline_name={pipeline}")
    page.get_by_role("link", name="cancel…").click()
    page.get_by_text("all that fit the filter now").wait_for()
    page.get_by_role("button", name="Cancel 1 execution").click()
    page.get_by_text("Cancelled 1 execution.").wait_for()
    assert status_of(desk, third) == "Failed"
    page.goto(f"/executions/cancel?pipeline_name={pipeline}")
    page.get_by_text("No execution that fits the filter is pending or runs.").wait_for()
    assert seat.told == []


def test_ticks_stay_with_their_executions_while_the_list_changes(
    desk: Desk, seat: Seat, pipeline: str, held: Callable[[], str]
) -> None:
    ticked, page = held(), seat.page
    page.goto(f"/executions?pipeline_name={pipeline}")
    page.locator(f'input[value="{ticked}"]').check()
    for _ in range(2):
        later = held()
        page.locator(f'input[value="{later}"]').wait_for()
    checked = page.locator("tbody input:checked").evaluate_all("all => all.map(one => one.value)")
    assert checked == [ticked]
    page.get_by_text("With 1 ticked:").wait_for()
    assert seat.told == []


def test_those_that_are_ticked_run_again_and_what_cannot_is_listed(
    desk: Desk, seat: Seat, pipeline: str, held: Callable[[], str]
) -> None:
    first, second, running = (
        failed(desk, pipeline, name="nobody"),
        failed(desk, pipeline, name="nobody"),
        held(),
    )
    page = seat.page
    ticks = "&".join(f"id={one}" for one in (first, second, running, "no-such"))
    page.goto(f"/executions/replay?ticked=1&{ticks}")
    page.get_by_role("heading", name="Run 2 executions again?").wait_for()
    left_out = page.get_by_label("Left out", exact=True).inner_text()
    assert "no-such" in left_out
    assert "It is " in left_out
    page.get_by_label("Other inputs").fill('{"nmae": "Ada"}')
    page.get_by_role("button", name="Look again").click()
    page.get_by_text("2 cannot run again", exact=True).wait_for()
    assert "nmae" in page.get_by_label("Cannot run again", exact=True).inner_text()
    page.get_by_label("Other inputs").fill('{"name": "Ada"}')
    page.get_by_role("button", name="Look again").click()
    page.get_by_role("button", name="Run 2 again").click()
    # Not all that was ticked was run again, so it is not said to be done and gone.
    page.get_by_role("heading", name="2 executions run again").wait_for()
    page.get_by_label("Left out", exact=True).wait_for()
    page.get_by_role("link", name="See what was started").click()
    page.get_by_role("heading", name="Executions").wait_for()
    reruns = [desk.sdk.get_pipeline_execution(one)["newest_rerun"] for one in (first, second)]
    wait_until(lambda: {status_of(desk, one) for one in reruns} == {"Succeeded"})
    page.goto(f"/executions/replay?ticked=1&id={first}")
    page.get_by_role("heading", name="Nothing to run again").wait_for()
    assert seat.told == []


def test_all_that_failed_and_fit_run_again_once(desk: Desk, pipeline: str) -> None:
    for _ in range(2):
        failed(desk, pipeline, name="nobody")
    where = {"pipeline_name": pipeline, "text": "KeyError"}
    looked = desk.web.get("/executions/replay", params=where).text
    assert "failed and were not run again" in looked
    form = {**where, "code": "current", "inputs": '{"name": "Grace"}'}
    done = desk.web.post("/executions/replay", data=form)
    assert done.status_code == 303
    assert done.headers["location"].startswith("/executions?since=")
    again = desk.web.get("/executions/replay", params=where).text
    assert "Nothing to run again" in again


def file_of(desk: Desk, path: str) -> Path:
    return desk.server.data_dir / "run" / "progress" / path.rpartition("/")[2]


def going(desk: Desk, path: str, **changes: object) -> None:
    """Have the file of some work say that it still goes on."""
    file = file_of(desk, path)
    known = json.loads(file.read_text())
    later = {"is_over": False, "total": 1204, "done": 320, "saved_at": time.time() + 3600}
    file.write_text(json.dumps(known | later | changes))


def test_progress_is_shown_while_it_goes_on_with_and_without_javascript(
    desk: Desk, seat: Seat, chromium: Browser
) -> None:
    sent = desk.web.post("/executions/cancel", data={"ticked": "1", "id": ["no-such", SCRIPT]})
    path = sent.headers["location"]
    assert path.startswith("/executions/at-once/")
    refused = [["no-such", SCRIPT]]
    going(desk, path, refused=refused, refused_count=1)
    page = seat.page
    page.goto(path)
    page.get_by_role("heading", name="Cancelling 1,204 executions").wait_for()
    page.get_by_text("321 of 1,204").wait_for()
    page.reload()
    page.get_by_text("321 of 1,204").wait_for()
    going(desk, path, done=700)
    page.get_by_text("701 of 1,204").wait_for()
    plain = chromium.new_context(
        base_url=desk.server.url, extra_http_headers=desk.headers, java_script_enabled=False
    )
    plain.set_default_timeout(PATIENCE_MS)
    without = plain.new_page()
    without.goto(path)
    without.get_by_text("701 of 1,204").wait_for()
    going(desk, path, done=800)
    without.get_by_text("801 of 1,204").wait_for()
    without.get_by_role("button", name="Stop").click()
    without.get_by_text("801 of 1,204").wait_for()
    assert Path(f"{file_of(desk, path)}.stop").exists()
    going(desk, path, is_over=True, done=900, why_over="It was stopped.")
    for one in (page, without):
        one.get_by_role("heading", name="Cancelled 900 executions").wait_for()
        one.get_by_text("303 were not begun").wait_for()
    plain.close()
    assert page.evaluate("() => window.planted") is None
    assert seat.told == []


def test_the_page_of_progress_is_for_everybody(
    desk: Desk, faults: Callable[[str], list[str]]
) -> None:
    sent = desk.web.post("/executions/replay", data={"ticked": "1", "id": "no-such"})
    path = sent.headers["location"]
    assert faults(path) == []
    going(desk, path)
    assert faults(path) == []
    going(desk, path, is_over=True)
    assert desk.web.get("/executions/at-once/no-such").status_code == 404
    assert desk.web.post("/executions/at-once/no-such/stop").status_code == 404


def test_what_is_sent_wrongly_is_refused_and_shown_again(desk: Desk, pipeline: str) -> None:
    execution_id = failed(desk, pipeline, name="nobody")
    form = {"id": execution_id, "ticked": "1", "inputs": SCRIPT, "code": "current"}
    refused = desk.web.post("/executions/replay", data=form)
    assert refused.status_code == 400
    assert "Inputs is not valid JSON" in refused.text
    assert SCRIPT not in refused.text
    assert "&lt;script&gt;" in refused.text
    assert desk.web.post("/executions/replay", data={"ticked": "1"}).status_code == 400
    assert "No execution is ticked" in desk.web.get("/executions/cancel?ticked=1").text
    many = {"ticked": "1", "id": [f"{number}" for number in range(1001)]}
    told = desk.web.post("/executions/cancel", data=many)
    assert "1,001 executions are ticked; at most 1,000 can be." in told.text
    assert desk.web.post("/executions/cancel", data={"pipeline_name": "no-such"}).status_code == 404
    assert desk.web.post("/executions/cancel", data={"more": "1"}).status_code == 400
    planted = desk.web.get("/executions/cancel", params={"ticked": "1", "id": SCRIPT}).text
    assert SCRIPT not in planted


def test_a_failure_is_found_and_run_again_in_the_new_version_by_keyboard(
    desk: Desk, seat: Seat, pipeline: str, tmp_path: Path
) -> None:
    execution_id, page = failed(desk, pipeline, name="nobody"), seat.page
    create(desk, pipeline, SOURCE.replace("Hello", "Welcome"), tmp_path)
    keys = Keys(page)
    page.goto("/")
    page.get_by_role("heading").first.wait_for()
    keys.press("g", "e")
    page.wait_for_url("**/executions")
    page.get_by_role("heading", name="Executions").wait_for()

    keys.tab_to("#text")
    keys.type("KeyError")
    keys.press("Tab")
    keys.type(pipeline)
    keys.press("Enter")
    page.wait_for_url("**pipeline_name=**")
    page.locator(f'a[href="/executions/{execution_id}"]').wait_for()
    keys.press("j", "x")
    page.get_by_text("With 1 ticked:").wait_for()
    keys.press("Enter")
    page.get_by_label("Traceback").wait_for()
    keys.tab_to('a[href$="/rerun"]')
    keys.press("Enter")
    page.get_by_role("heading", name="Run again").wait_for()
    keys.tab_to('[id="value.name"]')
    keys.press("Control+A")
    keys.type('"Ada"')
    keys.tab_to("button.main-action")
    keys.press("Enter")
    page.locator(".mapping").get_by_text('"Welcome, Ada"').wait_for()
    assert seat.told == []


def test_the_pages_are_for_everybody(
    desk: Desk, pipeline: str, faults: Callable[[str], list[str]], held: Callable[[], str]
) -> None:
    ids = f"id={held()}&id={failed(desk, pipeline, name='nobody')}&id=none"
    for path in (f"/executions/cancel?{ids}", f"/executions/replay?{ids}"):
        assert faults(path) == [], path
