"""Executions side by side: the page, the API, the SDK and the command."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.console.conftest import IMAGE, SCRIPT, Desk, Seat

from headrace import InvalidRequest, NotFound, PipelineExecutionFailed

HEADRACE = Path(sys.executable).parent / "headrace"
FORMULA = "=HYPERLINK(1)"


@pytest.fixture(scope="module")
def ids(desk: Desk, pipeline: str) -> list[str]:
    """A success with metrics, one with what an attacker would write, and a failure."""
    made = [
        desk.sdk.run_pipeline(pipeline, inputs={"name": name})["execution_id"]
        for name in ("Ada", FORMULA + SCRIPT + IMAGE)
    ]
    with pytest.raises(PipelineExecutionFailed) as raised:
        desk.sdk.run_pipeline(pipeline, inputs={"name": "nobody"})
    for at, one in enumerate(made):
        value = {"value": 0.9 + at / 100, "execution_id": one}
        web = desk.web
        assert web.put("/api/v1/metrics/single-value/accuracy", json=value).status_code == 200
        for name in ("loss", SCRIPT):
            values = {"values": [1, 0.5, 0.25 + at], "execution_id": one}
            added = web.post(f"/api/v1/metrics/list-values/{name}", json=values)
            assert added.status_code == 201, added.text
    return [*made, raised.value.details["execution_id"]]


def address(ids: list[str]) -> str:
    return "/executions/compare?" + "&".join(f"id={one}" for one in ids)


def test_two_that_are_ticked_are_compared(
    desk: Desk, seat: Seat, pipeline: str, ids: list[str]
) -> None:
    page = seat.page
    page.goto(f"/executions?pipeline_name={pipeline}")
    for one in (ids[0], ids[2]):
        page.locator(f'input[value="{one}"]').check()
    page.get_by_role("button", name="Compare").click()
    page.get_by_role("heading", name="Compare 2 executions").wait_for()
    table = page.get_by_role("region", name="Executions side by side")
    heads = table.locator("thead th").all_inner_texts()
    assert any(head.startswith("input.name") and "differs" in head for head in heads)
    assert "version" in heads
    other = table.locator("td.other").all_inner_texts()
    # The newest is the first in the list, and what the others are compared with.
    assert '"Ada"' in other
    assert "KeyError: 'plan'" in table.inner_text()
    page.locator("time-chart canvas").wait_for()
    page.get_by_text("Columns").click()
    page.get_by_label("input.document").check()
    page.get_by_role("button", name="Show these").click()
    page.wait_for_url("**column=input.document**")
    assert "input.document" in table.locator("thead").inner_text()
    with page.expect_download() as waiting:
        page.get_by_role("link", name="CSV").click()
    rows = list(csv.reader(io.StringIO(Path(waiting.value.path()).read_text())))
    assert sorted(row[0] for row in rows[1:]) == sorted([ids[0], ids[2]])
    assert "input.document" in rows[0]
    assert seat.told == []


def test_the_sdk_and_the_command_have_the_same(desk: Desk, ids: list[str]) -> None:
    found = desk.sdk.compare_executions(ids)
    assert found["execution_ids"] == ids
    columns = {one["name"]: one for one in found["columns"]}
    assert columns["metric.accuracy"]["values"] == [0.9, 0.91, None]
    assert columns["last.loss"]["values"] == [0.25, 1.25, None]
    assert columns["output.table"]["values"][0] == "out.csv"
    assert columns["input.name"]["differs"]
    assert not columns["pipeline_name"]["differs"]
    some = desk.sdk.compare_executions(ids[:2], ["status", "input.name"])
    assert [one["name"] for one in some["columns"]] == ["status", "input.name"]
    text = desk.sdk.compare_executions(ids, ["input.name"], csv=True).decode()
    assert [row[1] for row in csv.reader(io.StringIO(text))][2] == f"'{FORMULA}{SCRIPT}{IMAGE}"
    where = ["--url", desk.server.url, "--token", desk.server.token]
    told = subprocess.run(
        [str(HEADRACE), *where, "executions", "compare", *ids, "--differences"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "input.name" in told
    assert "pipeline_name" not in told


def test_the_list_with_its_filter_is_a_table_without_formulas(
    desk: Desk, seat: Seat, pipeline: str, ids: list[str]
) -> None:
    page = seat.page
    page.goto(f"/executions?pipeline_name={pipeline}&text=KeyError")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text())))
    assert [row["execution_id"] for row in rows] == [ids[2]]
    assert rows[0]["failure_message"] == "KeyError: 'plan'"
    assert float(rows[0]["took_s"]) >= 0
    refused = desk.web.get("/api/v1/executions?download=true&pipeline_name=no-such")
    assert refused.status_code == 404
    whole = desk.web.get(f"/api/v1/executions?download=true&pipeline_name={pipeline}")
    assert whole.headers["content-type"].startswith("text/csv")
    found = [row["execution_id"] for row in csv.DictReader(io.StringIO(whole.text))]
    assert set(ids) <= set(found)
    assert found == sorted(found, reverse=True)


def test_what_cannot_be_compared_is_said(desk: Desk, ids: list[str]) -> None:
    with pytest.raises(NotFound, match="no-such"):
        desk.sdk.compare_executions([ids[0], "no-such"])
    with pytest.raises(InvalidRequest, match="51 executions are named; at most 50"):
        desk.sdk.compare_executions([f"{number}" for number in range(51)])
    with pytest.raises(InvalidRequest, match="Name the executions"):
        desk.sdk.compare_executions([])
    with pytest.raises(InvalidRequest, match=r"have no column 'input\.nmae'"):
        desk.sdk.compare_executions(ids, ["input.nmae"])
    assert desk.web.get("/executions/compare").status_code == 400
    assert desk.web.get("/executions/compare?id=no-such").status_code == 404


def test_what_users_wrote_is_shown_and_cannot_run(
    desk: Desk, seat: Seat, ids: list[str], faults: Callable[[str], list[str]]
) -> None:
    page = seat.page
    page.goto(address(ids))
    page.locator("time-chart canvas").wait_for()
    assert SCRIPT in page.locator("nav.ranges").inner_text()
    page.get_by_role("link", name=SCRIPT, exact=True).click()
    page.locator("time-chart canvas").wait_for()
    assert page.evaluate("() => window.planted") is None
    assert seat.told == []
    assert faults(address(ids)) == []
