"""The log of an execution in a browser: windows, lines by number, a search, and what is written."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.console.conftest import SCRIPT, Desk, Seat, create

from headrace import InvalidRequest

HEADRACE = Path(sys.executable).parent / "headrace"
LINES = 4000

SOURCE = f"""
import time
from pathlib import Path


def work(name, document=None, until=None):
    for number in range(1, {LINES + 1}):
        print(f"\\x1b[32mstep\\x1b[0m {{number}} of {SCRIPT}")
    print(name, flush=True)
    while until and not Path(until).exists():
        time.sleep(0.05)
        if Path(until + ".more").exists():
            Path(until + ".more").unlink()
            print("more was written", flush=True)
"""


@pytest.fixture(scope="module")
def talker(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a pipeline that writes much."""
    name = f"talker-{uuid.uuid4().hex[:8]}"
    create(desk, name, SOURCE, tmp_path_factory.mktemp("code"))
    yield name
    desk.sdk.delete_pipeline(name, force_deployments_deletion=True)


@pytest.fixture(scope="module")
def spoken(desk: Desk, talker: str) -> str:
    """The id of an execution that has written much."""
    desk.sdk.run_pipeline(talker, inputs={"name": "done"}, wait_for_completion=False)
    execution_id = desk.sdk.list_executions(1, pipeline_name=talker)["items"][0]["execution_id"]
    # It returns none of its outputs, and so fails after its last line.
    list(desk.sdk.iter_execution_logs(execution_id, follow=True))
    return str(execution_id)


def test_the_end_is_shown_and_more_comes_where_one_scrolls_to(seat: Seat, spoken: str) -> None:
    page = seat.page
    page.goto(f"/executions/{spoken}")
    log = page.get_by_label("Log", exact=True)
    log.get_by_text("done", exact=True).wait_for()
    assert log.locator("li").count() <= 520
    assert page.locator(f"#L{LINES} .ansi-fg-2").inner_text() == "step"
    log.evaluate("box => { box.scrollTop = 0; }")
    page.locator("#L3200").wait_for(state="attached")
    # What was at the top stays where it was.
    assert log.evaluate("box => box.scrollTop") > 0
    page.get_by_role("button", name="To the end").wait_for()
    assert page.evaluate("() => window.planted") is None
    assert seat.told == []


def test_a_line_has_an_address(seat: Seat, spoken: str) -> None:
    page = seat.page
    page.goto(f"/executions/{spoken}#L1500")
    line = page.locator("#L1500.found")
    line.get_by_text("1500 of").wait_for()
    assert line.is_visible()
    page.get_by_label("Line", exact=True).fill("7")
    page.get_by_role("button", name="Show").click()
    page.locator("#L7.found").wait_for()
    assert page.url.endswith("#L7")
    page.go_back()
    page.locator("#L1500.found").wait_for()
    page.get_by_role("button", name="To the end").click()
    page.locator(f"#L{LINES}").wait_for()
    assert seat.told == []


def test_all_lines_are_searched(seat: Seat, spoken: str) -> None:
    page = seat.page
    page.goto(f"/executions/{spoken}")
    page.get_by_label("Find in all lines").fill(" 123 ")
    page.get_by_label("Find in all lines").press("Enter")
    page.get_by_text("lines have “123”").wait_for()
    found = page.get_by_role("region", name="Lines that have it")
    found.get_by_role("link", name="1234").click()
    page.locator("#L1234.found").wait_for()
    assert page.url.endswith("?find=123#L1234")
    page.reload()
    page.get_by_text("lines have “123”").wait_for()
    page.locator("#L1234.found").wait_for()
    assert seat.told == []


def test_following_pauses_where_one_scrolls_up(
    desk: Desk, seat: Seat, talker: str, tmp_path: Path
) -> None:
    gate, page = tmp_path / "gate", seat.page
    desk.sdk.run_pipeline(
        talker, inputs={"name": "waits", "until": str(gate)}, wait_for_completion=False
    )
    one = desk.sdk.list_executions(1, pipeline_name=talker)["items"][0]["execution_id"]
    page.goto(f"/executions/{one}")
    log = page.get_by_label("Log", exact=True)
    log.get_by_text("waits", exact=True).wait_for()
    page.get_by_text("· follows").wait_for()
    (tmp_path / "gate.more").touch()
    log.get_by_text("more was written").wait_for()
    log.evaluate("box => { box.scrollTop = box.scrollHeight / 2; }")
    page.get_by_text("· paused").wait_for()
    (tmp_path / "gate.more").touch()
    second = f"#L{LINES + 3}"
    page.wait_for_function("() => document.querySelector('long-log').isFollowing === false")
    assert page.locator(second).count() == 0
    page.get_by_role("button", name="Follow").click()
    page.locator(second).wait_for()
    page.get_by_text("· follows").wait_for()
    gate.touch()
    page.locator("#status").get_by_text("Failed").wait_for()
    assert seat.told == []


def test_windows_and_searches_work_without_scripts(desk: Desk, spoken: str) -> None:
    shown = desk.web.get(f"/executions/{spoken}?line=1000&find=step 39").text
    assert 'id="L1000"' in shown
    assert 'id="L980"' in shown
    assert 'id="L1600"' not in shown
    assert "lines have" in shown
    assert f'href="/executions/{spoken}?line=39&amp;find=step%2039#L39"' in shown
    assert SCRIPT not in shown
    none = desk.web.get(f"/executions/{spoken}?find={SCRIPT}x").text
    assert "No line has" in none
    assert SCRIPT not in none
    assert desk.web.get(f"/executions/{spoken}?line=x").status_code == 400
    assert desk.web.get(f"/executions/{spoken}?find={'x' * 201}").status_code == 400
    beyond = desk.web.get(f"/executions/{spoken}?line=99999999").text
    assert f"{LINES + 1:,} lines" in beyond
    piece = desk.web.get(f"/executions/{spoken}/log/window?line=3999").text
    assert piece.count("<li") >= 3
    assert SCRIPT not in piece


def test_the_sdk_and_the_command_search_too(desk: Desk, spoken: str) -> None:
    found = desk.sdk.search_execution_log(spoken, "OF <SCRIPT>", after=3998, limit=10)
    assert [line["number"] for line in found["lines"]] == [3999, 4000]
    assert (found["count"], found["is_exact"]) == (LINES, True)
    with pytest.raises(InvalidRequest, match="from 1 to 200 characters"):
        desk.sdk.search_execution_log(spoken, "")
    where = ["--url", desk.server.url, "--token", desk.server.token]
    told = subprocess.run(
        [str(HEADRACE), *where, "executions", "logs", spoken, "--search", "done"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert told.stdout == f"{LINES + 1}: done\n"
    assert "1 line has it." in told.stderr


def test_the_page_is_for_everybody(spoken: str, faults: Callable[[str], list[str]]) -> None:
    assert faults(f"/executions/{spoken}?line={LINES - 10}&find=step 400") == []
