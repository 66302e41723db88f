"""The home page: what runs, what failed since the last visit, what comes; the example."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser
from tests.browsing import PATIENCE_MS
from tests.conftest import RunningServer
from tests.console.conftest import SCRIPT, Desk, Seat

from headrace import HeadraceError, HeadraceSdk, Input

SOURCE = """
def work(name=None):
    raise ValueError(name)
"""


@pytest.fixture(scope="module")
def endpoint(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of an endpoint that always fails, with what its caller sent."""
    folder: Path = tmp_path_factory.mktemp("code")
    (folder / "work.py").write_text(SOURCE)
    name = f"home-{uuid.uuid4().hex[:8]}"
    desk.sdk.create_pipeline(
        name,
        "work.py",
        "work",
        container_config={"local_folder": str(folder)},
        inputs=[Input("name", "string")],
    )
    desk.sdk.create_deployment(name, name, "endpoint")
    yield name
    desk.sdk.delete_pipeline(name, force_deployments_deletion=True)


@pytest.fixture
def fail(desk: Desk, endpoint: str) -> Callable[[str], None]:
    """Have the endpoint fail with a message."""
    token = desk.sdk.get_deployment(endpoint)["endpoint_token"]

    def call(message: str) -> None:
        with pytest.raises(HeadraceError):
            desk.sdk.trigger_endpoint(endpoint, token, {"name": message})

    return call


def test_what_fails_is_shown_as_it_happens_with_its_reason(
    desk: Desk, seat: Seat, endpoint: str, fail: Callable[[str], None]
) -> None:
    page = seat.page
    page.goto("/")
    page.get_by_role("heading", name="Since yesterday").wait_for()
    page.locator("summary").first.click()
    word = f"word-{uuid.uuid4().hex}"
    for _ in range(3):
        fail(f"{word} {SCRIPT}")
    row = page.locator("tr").filter(has_text=word)
    row.get_by_text(re.compile("^([3-9]|1[0-9]) in a row")).wait_for()
    assert SCRIPT in row.inner_text()
    assert page.evaluate("() => window.planted") is None
    # What was opened stays so, and what is drawn stays drawn.
    assert page.locator("details[open]").count() == 1
    assert page.locator("time-chart .uplot canvas").count() == 2
    row.get_by_role("link", name=endpoint).click()
    page.get_by_text(word).first.wait_for()
    assert seat.told == []


def test_what_the_machine_does_is_looked_at_again(desk: Desk, seat: Seat, endpoint: str) -> None:
    page = seat.page
    page.clock.install()
    page.goto("/")
    page.get_by_role("heading", name="Since yesterday").wait_for()
    with page.expect_request(lambda asked: asked.resource_type == "fetch"):
        page.clock.fast_forward(11_000)
    assert seat.told == []


def test_a_visit_that_comes_later_shows_what_is_new_since_the_one_before(
    desk: Desk, endpoint: str, fail: Callable[[str], None]
) -> None:
    fail("first")
    desk.web.cookies.clear()
    shown = desk.web.get("/").text
    assert "Since yesterday" in shown
    assert f">{endpoint}</a><br>" in shown
    # Another look does not end the first visit.
    assert "Since yesterday" in desk.web.get("/").text
    desk.web.cookies.clear()
    # The last look at the page was in a visit that ended an hour from now.
    long_ago, later = 1_000_000_000, 32_503_680_000
    asked = desk.web.get("/", headers={"cookie": f"headrace-visit={long_ago}.{long_ago}"})
    assert "Since you were last here" in asked.text
    asked = desk.web.get("/", headers={"cookie": f"headrace-visit={later}.{later}"})
    assert "nothing went wrong" in asked.text
    cookie = asked.headers["set-cookie"]
    assert re.search(r"headrace-visit=\d+\.\d+;", cookie)
    assert "HttpOnly" in cookie
    for broken in ("x", "1.2.3", "99999999999999999999.1", "-1.nan", ""):
        desk.web.cookies.clear()
        assert desk.web.get("/", headers={"cookie": f"headrace-visit={broken}"}).status_code == 200
    desk.web.cookies.clear()


@pytest.mark.usefixtures("endpoint")
def test_ranges_are_in_the_address_and_others_are_refused(desk: Desk) -> None:
    found = desk.web.get("/?since=7d&range=1h")
    assert found.status_code == 200
    assert "Calls, last 1h" in found.text
    assert 'href="/?since=7d&amp;range=31d"' in found.text
    for query, name in (("since=9d", "since"), ("range=2h", "range")):
        refused = desk.web.get(f"/?{query}")
        assert refused.status_code == 400
        assert f"{name} must be one of" in refused.text


def test_axe_finds_nothing_at_home(
    faults: Callable[[str], list[str]], fail: Callable[[str], None]
) -> None:
    fail("plan")
    assert faults("/") == []


def test_an_example_is_not_deployed_for_another_site_or_for_nobody(desk: Desk) -> None:
    def is_there() -> bool:
        return "csv-cleaner" in {item["pipeline_name"] for item in desk.sdk.list_pipelines()}

    was_there = is_there()
    foreign = desk.web.post("/example", headers={"origin": "https://elsewhere.example"})
    assert foreign.status_code == 403
    nobody = httpx.post(
        f"{desk.server.url}/example", headers={"accept": "text/html"}, trust_env=False
    )
    assert nobody.status_code in {303, 401}
    assert is_there() is was_there


@pytest.mark.system
def test_an_example_is_deployed_by_one_click_and_works(
    own_server: Callable[..., RunningServer], chromium: Browser
) -> None:
    server = own_server()
    window = chromium.new_context(base_url=server.url)
    window.set_default_timeout(PATIENCE_MS)
    page = window.new_page()
    page.goto("/sign-in")
    page.get_by_label("SDK token").fill(server.token)
    page.get_by_role("button", name="Sign in").last.click()
    page.get_by_role("heading", name="Nothing runs here yet").wait_for()
    page.get_by_role("button", name="Deploy an example").click()
    page.wait_for_url("**/deployments/csv-cleaner")
    page.get_by_text("csv-cleaner is deployed: try it.").wait_for()
    window.close()
    with HeadraceSdk(server.token, server.url) as sdk:
        token = sdk.get_deployment("csv-cleaner")["endpoint_token"]
    answer = httpx.post(
        f"{server.url}/endpoints/csv-cleaner",
        headers={"authorization": f"EndpointToken {token}"},
        files={"table": ("a.csv", b"Name ,Age\nAda, 36\nAda, 36\n")},
        trust_env=False,
        follow_redirects=True,
        timeout=60,
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["outputs"]["summary"]
