"""The switch that pauses a server, and what every page says while it is paused."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect
from tests.browsing import PATIENCE_MS
from tests.conftest import RunningServer, wait_until
from tests.console.conftest import Desk, Seat, desk_at

pytestmark = pytest.mark.system

PAGES = ("/", "/pipelines", "/deployments", "/executions", "/variables", "/settings/server")


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A user at a server of these tests alone: others could not work on one that is paused."""
    server = RunningServer(tmp_path_factory.mktemp("paused") / "data").start()
    with desk_at(server) as made:
        yield made
    assert server.stop() == 0, server.log.read_text()


@pytest.fixture
def paused(desk: Desk) -> Iterator[None]:
    desk.sdk.pause_environment(60)
    yield
    desk.sdk.resume_environment(60)


def test_the_switch_pauses_and_resumes_and_other_pages_hear_of_it(desk: Desk, seat: Seat) -> None:
    page, other = seat.page, seat.page.context.new_page()
    other.goto("/executions")
    page.goto("/settings/server")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Pause").click()
    page.get_by_text("The server takes no work from now on.").wait_for()
    banner = page.locator("#standing")
    expect(banner).to_contain_text("This server is paused", timeout=PATIENCE_MS)
    # A page that was open already hears of it as well.
    expect(other.locator("#standing")).to_contain_text("is paused", timeout=PATIENCE_MS)
    assert desk.sdk.get_environment()["environment_status"] == "standby"
    page.get_by_role("button", name="Resume").click()
    page.get_by_text("The server is resuming.").wait_for()
    wait_until(lambda: desk.sdk.get_environment()["environment_status"] == "ready")
    expect(banner).to_have_text("", timeout=PATIENCE_MS)
    assert seat.told == []


@pytest.mark.usefixtures("paused")
def test_every_page_says_it_refusals_too(desk: Desk) -> None:
    for path in (*PAGES, "/pipelines/no-such-pipeline"):
        text = desk.web.get(path).text
        assert "This server is paused: it keeps everything and takes no work." in text, path
    refused = desk.web.post("/settings/server", data={"status": "standby"})
    assert refused.status_code == 400
    assert "status must be" in refused.text


def test_a_page_that_is_open_does_not_ask_for_the_health_again(desk: Desk) -> None:
    assert ">builder<" in desk.web.get("/settings/server").text
    again = desk.web.get("/settings/server?part=work").text
    assert 'id="work-card"' in again
    assert ">builder<" not in again


def test_nothing_is_said_on_a_server_that_works(desk: Desk) -> None:
    for path in PAGES:
        assert '<p class="standing"' not in desk.web.get(path).text


@pytest.mark.usefixtures("paused")
def test_the_pages_of_a_paused_server_are_for_everybody(faults: Callable[[str], list[str]]) -> None:
    assert faults("/settings/server") == []
