"""The pages of executions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.conftest import wait_until
from tests.console.conftest import SCRIPT, Desk, Seat

from headrace import PipelineExecutionFailed


def failed(desk: Desk, pipeline: str, **inputs: object) -> str:
    with pytest.raises(PipelineExecutionFailed) as raised:
        desk.sdk.run_pipeline(pipeline, inputs=inputs)
    found: str = raised.value.details["execution_id"]
    return found


def newest(desk: Desk, pipeline: str) -> str:
    found: str = desk.sdk.list_pipeline_executions(pipeline)[0]["execution_id"]
    return found


def test_a_failure_is_found_by_its_reason_and_run_again_with_another_input(
    desk: Desk, seat: Seat, pipeline: str
) -> None:
    execution_id, page = failed(desk, pipeline, name="nobody"), seat.page
    page.goto(f"/executions?pipeline_name={pipeline}")
    page.get_by_label("Status").get_by_role("link", name="Failed").click()
    page.get_by_role("row").filter(has_text="KeyError: 'plan'").get_by_role("link").first.click()
    assert page.url.endswith(f"/executions/{execution_id}")
    traceback = page.get_by_label("Traceback")
    assert 'raise KeyError("plan")' in traceback.inner_text()
    assert "begins with nobody" in page.get_by_label("Log", exact=True).inner_text()
    page.get_by_role("link", name="Run again").click()
    page.get_by_label("name").fill('"Ada"')
    page.get_by_role("button", name="Run").click()
    page.locator("#status").get_by_text("Succeeded").wait_for()
    page.locator(".mapping").get_by_text('"Hello, Ada"').wait_for()
    page.get_by_text("repeats").wait_for()
    assert seat.told == []


def test_a_running_execution_is_followed_until_its_end(
    desk: Desk, seat: Seat, pipeline: str, tmp_path: Path
) -> None:
    gate, page = tmp_path / "gate", seat.page
    execution = desk.sdk.run_pipeline(
        pipeline, inputs={"name": SCRIPT, "until": str(gate)}, wait_for_completion=False
    )
    page.goto(f"/executions/{execution['execution_id']}")
    page.get_by_label("Log", exact=True).get_by_text(f"begins with {SCRIPT}").wait_for()
    page.locator("#status").get_by_text("Running").wait_for()
    gate.touch()
    page.get_by_label("Log", exact=True).get_by_text("line 2").wait_for()
    page.locator("#status").get_by_text("Succeeded").wait_for()
    page.locator(".mapping").get_by_text("out.csv").click()
    page.get_by_role("heading", name="out.csv").wait_for()
    assert page.locator("main table tbody tr").count() == 1
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download").click()
    assert Path(waiting.value.path()).read_text() == "a,b\n1,2\n"
    assert page.evaluate("() => window.planted") is None
    assert seat.told == []


def test_an_execution_is_cancelled_and_deleted(
    desk: Desk, seat: Seat, pipeline: str, tmp_path: Path
) -> None:
    page = seat.page
    page.on("dialog", lambda dialog: dialog.accept())
    execution_id = desk.sdk.run_pipeline(
        pipeline,
        inputs={"name": "x", "until": str(tmp_path / "never")},
        wait_for_completion=False,
    )["execution_id"]
    page.goto(f"/executions/{execution_id}")
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("The execution ended: Failed.").wait_for()
    page.get_by_role("button", name="Delete").click()
    page.get_by_text("The execution is deleted").wait_for()
    assert desk.web.get(f"/executions/{execution_id}").status_code == 404


def test_a_value_that_is_no_json_is_refused_with_what_was_typed(desk: Desk, pipeline: str) -> None:
    execution_id = failed(desk, pipeline, name="nobody")
    form = {"code": "current", "value.name": SCRIPT, "value.until": "null"}
    refused = desk.web.post(f"/executions/{execution_id}/rerun", data=form)
    assert refused.status_code == 400
    assert "Input &#39;name&#39; is not valid JSON" in refused.text
    assert SCRIPT not in refused.text
    assert "&lt;script&gt;" in refused.text
    deep = form | {"value.name": "[" * 100_000 + "]" * 100_000}
    assert desk.web.post(f"/executions/{execution_id}/rerun", data=deep).status_code == 400
    wrong = desk.web.post(f"/executions/{execution_id}/rerun", data=form | {"code": "newest"})
    assert wrong.status_code == 400


def test_lists_come_page_by_page_and_say_what_does_not_fit(desk: Desk, pipeline: str) -> None:
    shown = desk.web.get("/executions?pipeline_name=no-such").text
    assert "There is no pipeline &#39;no-such&#39;" in shown
    assert desk.web.get("/executions?status=Gone").status_code == 400
    assert desk.web.get("/executions?version=x").status_code == 400
    # In the words of the API, which refuses it as well.
    alone = desk.web.get("/executions?version=2")
    told = desk.web.get("/api/v1/executions?version=2")
    assert (alone.status_code, told.status_code) == (400, 400)
    assert told.json()["message"] in alone.text
    failed(desk, pipeline, name="nobody")
    prefix = newest(desk, pipeline)[:10]
    assert newest(desk, pipeline) in desk.web.get(f"/executions?id_prefix={prefix}").text
    none = desk.web.get(f"/executions?pipeline_name={pipeline}&version=9").text
    assert "No execution fits" in none


def test_filters_stand_in_the_address_and_are_shown_again(desk: Desk, pipeline: str) -> None:
    execution_id = failed(desk, pipeline, name="nobody")
    ran = f"/executions?pipeline_name={pipeline}"
    shown = desk.web.get(f"{ran}&text=kEYerror&execution_rule=run&since=2024-01-02T03:04Z").text
    assert execution_id in shown
    assert 'value="kEYerror"' in shown
    assert 'value="2024-01-02T03:04"' in shown
    assert "<option selected>run</option>" in shown
    assert execution_id in desk.web.get(f"/executions?text={execution_id[:13]}").text
    assert execution_id not in desk.web.get(f"{ran}&text=something-else").text
    # Before the oldest: the first page, from which nothing newer is led to.
    back = desk.web.get(f"{ran}&after=0").text
    assert execution_id in back
    assert 'rel="prev"' not in back
    older = desk.web.get(f"{ran}&before={execution_id}").text
    assert f'href="/executions/{execution_id}"' not in older
    refused = desk.web.get(f"{ran}&since=whenever&text={SCRIPT}")
    assert refused.status_code == 400
    assert "since must be a time in ISO 8601" in refused.text
    assert 'value="whenever"' in refused.text
    assert SCRIPT not in refused.text


def test_the_whole_log_is_text_that_cannot_run(desk: Desk, pipeline: str) -> None:
    execution_id = failed(desk, pipeline, name="nobody")
    wait_until(lambda: "KeyError" in desk.web.get(f"/executions/{execution_id}/log").text)
    log = desk.web.get(f"/executions/{execution_id}/log")
    assert log.headers["content-type"].startswith("text/plain")
    assert log.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert "begins with nobody" in log.text
    assert desk.web.get(f"/executions/{execution_id}/outputs/greeting").status_code == 404
    assert desk.web.get(f"/executions/{execution_id}/elsewhere/table").status_code == 404


def test_the_pages_are_for_everybody(
    desk: Desk, pipeline: str, faults: Callable[[str], list[str]]
) -> None:
    execution_id = failed(desk, pipeline, name="nobody")
    desk.sdk.run_pipeline(pipeline, inputs={"name": "Ada"})
    for path in (
        f"/executions?pipeline_name={pipeline}",
        f"/executions?text={SCRIPT}&since=never",
        f"/executions/{execution_id}",
        f"/executions/{execution_id}/rerun",
        f"/executions/{newest(desk, pipeline)}/outputs/table",
    ):
        assert faults(path) == [], path
