"""The page of an endpoint, used in a real browser as a person would."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect
from tests.conftest import RunningServer, wait_until
from tests.endpoints.conftest import Endpoint

from headrace import HeadraceSdk

pytestmark = pytest.mark.system

MASK = "<ENDPOINT_TOKEN>"


class EndpointPage:
    """The page of one endpoint, in a browser."""

    def __init__(self, page: Page, url: str, fragment: str = "") -> None:
        self.page = page
        page.goto(f"{url}/docs{fragment}")

    def part(self, id_: str) -> Locator:
        return self.page.locator(f"[id='{id_}']")

    def open_with(self, token: str) -> None:
        self.part("token").fill(token)
        self.part("token").press("Enter")

    def is_open(self) -> bool:
        return self.part("endpoint").is_visible()

    def has_focus(self, control: Locator) -> bool:
        return bool(control.evaluate("(element) => element === document.activeElement"))

    def field(self, name: str) -> Locator:
        """The control that has this label."""
        label = self.page.locator(f"xpath=//form[@id='call']//label[.='{name}']")
        return self.part(str(label.get_attribute("for")))

    def call(self) -> str:
        """Press Call; return the status that the page shows in the end."""
        self.part("send").click()
        expect(self.part("send")).to_be_enabled(timeout=30_000)
        return self.part("status").inner_text()

    def outputs(self) -> dict[str, str]:
        found = self.page.locator("pre[data-output]").all()
        return {str(each.get_attribute("data-output")): each.inner_text() for each in found}

    def code(self, language: str) -> str:
        self.page.locator(f"xpath=//button[@role='tab'][.='{language}']").click()
        return str(self.part("code").text_content())

    def requested(self) -> list[str]:
        """The URL of every request that the page has made since it was loaded."""
        script = "performance.getEntriesByType('resource').map((each) => each.name)"
        return list(self.page.evaluate(script))


@pytest.fixture
def opened(page: Page, endpoint_of: Callable[[str], Endpoint]) -> Callable[[str], EndpointPage]:
    """Opens the page of an endpoint and gives it its token."""

    def open_page(function: str) -> EndpointPage:
        endpoint = endpoint_of(function)
        made = EndpointPage(page, endpoint.url)
        made.open_with(endpoint.token)
        wait_until(made.is_open, what="the endpoint is shown")
        return made

    return open_page


def test_the_page_says_nothing_before_it_has_the_token(
    page: Page, endpoint_of: Callable[[str], Endpoint], server: RunningServer
) -> None:
    endpoint = endpoint_of("add")
    shown = EndpointPage(page, endpoint.url)
    assert page.title() == "Endpoint · Headrace"
    assert not shown.is_open()
    assert "summand" not in page.content()
    shown.open_with("wrong")
    wait_until(lambda: "token" in shown.part("gate-problem").inner_text())
    assert not shown.is_open()
    nowhere = EndpointPage(page, f"{server.url}/endpoints/nowhere")
    nowhere.open_with("tried")
    wait_until(lambda: "no endpoint" in nowhere.part("gate-problem").inner_text())


def test_a_person_calls_an_endpoint_and_reads_its_outputs(
    opened: Callable[[str], EndpointPage],
) -> None:
    shown = opened("add")
    assert shown.has_focus(shown.part("name"))
    assert shown.part("about").inner_text() == "Try me."
    rows = [row.inner_text() for row in shown.page.locator("#inputs tbody tr").all()]
    assert [row.split() for row in rows] == [
        ["a", "the", "first", "<b>summand</b>", "number", "yes", "none"],
        ["b", "number", "no", "2"],
        ["note", "string", "no", "none"],
    ]
    assert "total the sum number" in " ".join(shown.part("outputs").inner_text().split())
    shown.field("a").fill("12345678901234567890")
    assert shown.call() == "200 OK"
    assert shown.outputs() == {"total": "12345678901234567892", "note": "null"}
    shown.field("note").fill("two\nlines")
    shown.field("b").fill("-0.5")
    assert shown.call() == "200 OK"
    assert shown.outputs()["note"] == "two\nlines"
    assert shown.part("elapsed").inner_text().endswith(" s")


def test_the_page_works_with_the_keyboard_alone(opened: Callable[[str], EndpointPage]) -> None:
    shown = opened("add")
    keyboard = shown.page.keyboard
    keyboard.press("Tab")
    keyboard.type("1")
    keyboard.press("Tab")
    keyboard.type("2")
    keyboard.press("Enter")
    wait_until(lambda: shown.part("status").inner_text() == "200 OK")
    assert shown.outputs()["total"] == "3"
    shown.page.locator("xpath=//button[@role='tab'][.='curl']").press("ArrowRight")
    assert shown.page.locator(":focus").inner_text() == "Python"
    assert "import requests" in str(shown.part("code").text_content())


def test_what_cannot_be_sent_is_said_at_its_field(opened: Callable[[str], EndpointPage]) -> None:
    shown = opened("mirror")
    shown.field("items").fill('{"no": "array"}')
    shown.field("record").fill("{")
    shown.part("send").click()
    assert shown.has_focus(shown.field("document"))
    problems = {
        name: shown.part(f"{shown.field(name).get_attribute('id')}-problem").inner_text()
        for name in ("document", "items", "record", "number")
    }
    assert problems["document"] == "A file is required."
    assert "array" in problems["items"]
    assert "not JSON" in problems["record"]
    assert problems["number"] == ""
    assert shown.field("record").get_attribute("aria-invalid") == "true"
    assert not shown.part("answer").is_visible()


def test_a_person_sends_a_file_and_gets_one(
    opened: Callable[[str], EndpointPage], tmp_path: Path
) -> None:
    (tmp_path / "it's a document.bin").write_bytes(b"abc")
    shown = opened("mirror")
    shown.field("document").set_input_files(tmp_path / "it's a document.bin")
    shown.field("text").fill("null")
    shown.field("number").fill("2")
    shown.field("flag").select_option("true")
    shown.field("record").fill('{"key": [1, 18446744073709551617]}')
    assert shown.call() == "200 OK"
    assert json.loads(shown.outputs()["sent"]) == {
        "text": "null",
        "number": 2,
        "flag": True,
        "record": {"key": [1, 18446744073709551617]},
        "items": [1, 2],
    }
    with shown.page.expect_download() as downloading:
        shown.page.locator("xpath=//button[.='Get the file copy']").click()
    assert shown.page.locator("a[download]").inner_text() == "mirrored.bin (3 bytes)"
    assert downloading.value.suggested_filename == "mirrored.bin"
    assert Path(downloading.value.path()).read_bytes() == b"cba"


def test_a_failed_call_says_why(opened: Callable[[str], EndpointPage]) -> None:
    shown = opened("fail")
    shown.field("message").fill("the <i>reason</i>")
    assert shown.call() == "500 PipelineExecutionFailed"
    assert "the <i>reason</i>" in shown.part("outcome").inner_text()
    assert "user_error" in shown.outputs()["details"]


def test_a_person_can_stop_waiting(
    opened: Callable[[str], EndpointPage],
    endpoint_of: Callable[[str], Endpoint],
    sdk: HeadraceSdk,
) -> None:
    shown = opened("wait")
    shown.field("seconds").fill("60")
    shown.part("send").click()
    wait_until(lambda: shown.part("status").inner_text() == "Running…")
    shown.part("stop").click()
    wait_until(lambda: shown.part("status").inner_text() == "No longer waiting")
    assert shown.part("send").is_enabled()
    name = endpoint_of("wait").url.rpartition("/")[2]
    execution = sdk.list_pipeline_executions(name)[0]
    assert execution["status"] in {"Pending", "Running"}
    sdk.cancel_pipeline_execution(execution["execution_id"])


@pytest.mark.parametrize("language", ["curl", "Python", "JavaScript"])
def test_the_code_that_the_page_shows_does_the_call(
    opened: Callable[[str], EndpointPage],
    endpoint_of: Callable[[str], Endpoint],
    language: str,
) -> None:
    shown = opened("add")
    shown.field("a").fill("1e2")
    shown.field("note").fill('it\'s "quoted"\n$HOME `x` \\ 🌊 true')
    code = shown.code(language)
    token = endpoint_of("add").token
    assert MASK in code
    assert token not in code
    outputs = outputs_of(shown, language, code.replace(MASK, token))
    assert outputs == {"total": 102, "note": 'it\'s "quoted"\n$HOME `x` \\ 🌊 true'}


def outputs_of(shown: EndpointPage, language: str, code: str) -> Any:
    if language == "JavaScript":
        script = code.replace("console.log(outputs);", "return outputs;")
        return shown.page.evaluate(f"async () => {{ {script} }}")
    program = {"curl": ["bash", "-c"], "Python": [sys.executable, "-c"]}[language]
    done = subprocess.run([*program, code], capture_output=True, text=True, check=True, timeout=60)
    if language == "curl":
        return json.loads(done.stdout)["outputs"]
    return eval(done.stdout, {"__builtins__": {}})  # noqa: S307 - what the program above printed


@pytest.mark.parametrize("language", ["curl", "Python"])
def test_the_code_sends_a_file_and_keeps_the_one_it_gets(
    opened: Callable[[str], EndpointPage],
    endpoint_of: Callable[[str], Endpoint],
    language: str,
    tmp_path: Path,
) -> None:
    name = 'it\'s; "a", document.bin'
    (tmp_path / name).write_bytes(b"abc")
    shown = opened("mirror")
    shown.field("document").set_input_files(tmp_path / name)
    shown.field("text").fill("@text;type=x")
    code = shown.code(language).replace(MASK, endpoint_of("mirror").token)
    program = {"curl": ["bash", "-c"], "Python": [sys.executable, "-c"]}[language]
    subprocess.run([*program, code], check=True, timeout=60, cwd=tmp_path, capture_output=True)
    assert (tmp_path / "copy").read_bytes() == b"cba"


def test_the_code_follows_the_form(opened: Callable[[str], EndpointPage]) -> None:
    shown = opened("add")
    assert '"a": 1.5' in shown.code("curl")
    shown.field("a").fill("7")
    assert '"a": 7' in shown.code("curl")
    shown.part("reset").click()
    wait_until(lambda: '"a": 1.5' in shown.code("curl"))


def test_the_token_stays_in_memory_and_out_of_urls(
    page: Page, console: list[str], endpoint_of: Callable[[str], Endpoint]
) -> None:
    endpoint = endpoint_of("add")
    shown = EndpointPage(page, endpoint.url, fragment=f"#token={endpoint.token}")
    wait_until(shown.is_open, what="the endpoint is shown")
    assert page.url == f"{endpoint.url}/docs"
    shown.field("a").fill("1")
    assert shown.call() == "200 OK"
    assert shown.requested()
    assert all(url.startswith(endpoint.url.rpartition("/")[0]) for url in shown.requested())
    assert not [url for url in shown.requested() if endpoint.token in url]
    stored = "[localStorage.length, sessionStorage.length, document.cookie]"
    assert page.evaluate(stored) == [0, 0, ""]
    page.reload()
    assert not shown.is_open()
    assert console == []
