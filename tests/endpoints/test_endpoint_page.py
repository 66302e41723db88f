"""The page of an endpoint, used in a real browser as a person would."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.select import Select
from tests.conftest import RunningServer, wait_until
from tests.endpoints.conftest import Endpoint

from headrace import HeadraceSdk

pytestmark = pytest.mark.system

MASK = "<ENDPOINT_TOKEN>"


class Page:
    """The page of one endpoint, in a browser."""

    def __init__(self, browser: webdriver.Chrome, url: str) -> None:
        self.browser = browser
        browser.get(f"{url}/docs")

    def part(self, id_: str) -> WebElement:
        return self.browser.find_element(By.ID, id_)

    def open_with(self, token: str) -> None:
        self.part("token").send_keys(token, Keys.ENTER)

    def is_open(self) -> bool:
        return self.part("endpoint").is_displayed()

    def field(self, name: str) -> WebElement:
        """The control that has this label."""
        label = self.browser.find_element(By.XPATH, f"//form[@id='call']//label[.='{name}']")
        return self.part(str(label.get_attribute("for")))

    def call(self) -> str:
        """Press Call; return the status that the page shows in the end."""
        self.part("send").click()
        wait_until(lambda: self.part("send").is_enabled(), what="an answer")
        return self.part("status").text

    def outputs(self) -> dict[str, str]:
        found = self.browser.find_elements(By.CSS_SELECTOR, "pre[data-output]")
        return {str(each.get_attribute("data-output")): each.text for each in found}

    def code(self, language: str) -> str:
        self.browser.find_element(By.XPATH, f"//button[@role='tab'][.='{language}']").click()
        return str(self.part("code").get_property("textContent"))

    def requested(self) -> list[str]:
        """The URL of every request that the page has made since it was loaded."""
        script = "return performance.getEntriesByType('resource').map((each) => each.name)"
        return list(self.browser.execute_script(script))


@pytest.fixture
def opened(
    browser: webdriver.Chrome, endpoint_of: Callable[[str], Endpoint]
) -> Callable[[str], Page]:
    """Opens the page of an endpoint and gives it its token."""

    def open_page(function: str) -> Page:
        endpoint = endpoint_of(function)
        page = Page(browser, endpoint.url)
        page.open_with(endpoint.token)
        wait_until(page.is_open, what="the endpoint is shown")
        return page

    return open_page


def test_the_page_says_nothing_before_it_has_the_token(
    browser: webdriver.Chrome, endpoint_of: Callable[[str], Endpoint], server: RunningServer
) -> None:
    endpoint = endpoint_of("add")
    page = Page(browser, endpoint.url)
    assert browser.title == "Endpoint · Headrace"
    assert not page.is_open()
    assert "summand" not in browser.page_source
    page.open_with("wrong")
    wait_until(lambda: "token" in page.part("gate-problem").text)
    assert not page.is_open()
    nowhere = Page(browser, f"{server.url}/endpoints/nowhere")
    nowhere.open_with("tried")
    wait_until(lambda: "no endpoint" in nowhere.part("gate-problem").text)


def test_a_person_calls_an_endpoint_and_reads_its_outputs(opened: Callable[[str], Page]) -> None:
    page = opened("add")
    assert page.browser.switch_to.active_element == page.part("name")
    assert page.part("about").text == "Try me."
    rows = [row.text for row in page.browser.find_elements(By.CSS_SELECTOR, "#inputs tbody tr")]
    assert [row.split() for row in rows] == [
        ["a", "the", "first", "<b>summand</b>", "number", "yes", "none"],
        ["b", "number", "no", "2"],
        ["note", "string", "no", "none"],
    ]
    assert "total the sum number" in " ".join(page.part("outputs").text.split())
    page.field("a").send_keys("12345678901234567890")
    assert page.call() == "200 OK"
    assert page.outputs() == {"total": "12345678901234567892", "note": "null"}
    page.field("note").send_keys("two\nlines")
    page.field("b").send_keys("-0.5")
    assert page.call() == "200 OK"
    assert page.outputs()["note"] == "two\nlines"
    assert page.part("elapsed").text.endswith(" s")


def test_the_page_works_with_the_keyboard_alone(opened: Callable[[str], Page]) -> None:
    page = opened("add")
    keys = webdriver.ActionChains(page.browser)
    keys.send_keys(Keys.TAB, "1", Keys.TAB, "2", Keys.ENTER).perform()
    wait_until(lambda: page.part("status").text == "200 OK")
    assert page.outputs()["total"] == "3"
    page.browser.find_element(By.XPATH, "//button[@role='tab'][.='curl']").send_keys(
        Keys.ARROW_RIGHT
    )
    assert page.browser.switch_to.active_element.text == "Python"
    assert "import requests" in str(page.part("code").get_property("textContent"))


def test_what_cannot_be_sent_is_said_at_its_field(opened: Callable[[str], Page]) -> None:
    page = opened("mirror")
    page.field("items").send_keys('{"no": "array"}')
    page.field("record").send_keys("{")
    page.part("send").click()
    assert page.browser.switch_to.active_element == page.field("document")
    problems = {
        name: page.part(f"{page.field(name).get_attribute('id')}-problem").text
        for name in ("document", "items", "record", "number")
    }
    assert problems["document"] == "A file is required."
    assert "array" in problems["items"]
    assert "not JSON" in problems["record"]
    assert problems["number"] == ""
    assert page.field("record").get_attribute("aria-invalid") == "true"
    assert not page.part("answer").is_displayed()


def test_a_person_sends_a_file_and_gets_one(
    opened: Callable[[str], Page], tmp_path: Path, downloads: Path
) -> None:
    (tmp_path / "it's a document.bin").write_bytes(b"abc")
    page = opened("mirror")
    page.field("document").send_keys(str(tmp_path / "it's a document.bin"))
    page.field("text").send_keys("null")
    page.field("number").send_keys("2")
    Select(page.field("flag")).select_by_visible_text("true")
    page.field("record").send_keys('{"key": [1, 18446744073709551617]}')
    assert page.call() == "200 OK"
    assert json.loads(page.outputs()["sent"]) == {
        "text": "null",
        "number": 2,
        "flag": True,
        "record": {"key": [1, 18446744073709551617]},
        "items": [1, 2],
    }
    page.browser.find_element(By.XPATH, "//button[.='Get the file copy']").click()
    wait_until(lambda: page.browser.find_elements(By.CSS_SELECTOR, "a[download]"))
    link = page.browser.find_element(By.CSS_SELECTOR, "a[download]")
    assert link.text == "mirrored.bin (3 bytes)"
    wait_until((downloads / "mirrored.bin").exists, what="the download")
    assert (downloads / "mirrored.bin").read_bytes() == b"cba"


def test_a_failed_call_says_why(opened: Callable[[str], Page]) -> None:
    page = opened("fail")
    page.field("message").send_keys("the <i>reason</i>")
    assert page.call() == "500 PipelineExecutionFailed"
    assert "the <i>reason</i>" in page.part("outcome").text
    assert "user_error" in page.outputs()["details"]


def test_a_person_can_stop_waiting(
    opened: Callable[[str], Page], endpoint_of: Callable[[str], Endpoint], sdk: HeadraceSdk
) -> None:
    page = opened("wait")
    page.field("seconds").send_keys("60")
    page.part("send").click()
    wait_until(lambda: page.part("status").text == "Running…")
    page.part("stop").click()
    wait_until(lambda: page.part("status").text == "No longer waiting")
    assert page.part("send").is_enabled()
    name = endpoint_of("wait").url.rpartition("/")[2]
    execution = sdk.list_pipeline_executions(name)[0]
    assert execution["status"] in {"Pending", "Running"}
    sdk.cancel_pipeline_execution(execution["execution_id"])


@pytest.mark.parametrize("language", ["curl", "Python", "JavaScript"])
def test_the_code_that_the_page_shows_does_the_call(
    opened: Callable[[str], Page], endpoint_of: Callable[[str], Endpoint], language: str
) -> None:
    page = opened("add")
    page.field("a").send_keys("1e2")
    page.field("note").send_keys('it\'s "quoted"\n$HOME `x` \\ 🌊 true')
    code = page.code(language)
    token = endpoint_of("add").token
    assert MASK in code
    assert token not in code
    outputs = outputs_of(page, language, code.replace(MASK, token))
    assert outputs == {"total": 102, "note": 'it\'s "quoted"\n$HOME `x` \\ 🌊 true'}


def outputs_of(page: Page, language: str, code: str) -> Any:
    if language == "JavaScript":
        script = code.replace("console.log(outputs);", "return outputs;")
        return page.browser.execute_async_script(
            f"const done = arguments[0]; (async () => {{ {script} }})().then(done, done)"
        )
    program = {"curl": ["bash", "-c"], "Python": [sys.executable, "-c"]}[language]
    done = subprocess.run([*program, code], capture_output=True, text=True, check=True, timeout=60)
    if language == "curl":
        return json.loads(done.stdout)["outputs"]
    return eval(done.stdout, {"__builtins__": {}})  # noqa: S307 - what the program above printed


@pytest.mark.parametrize("language", ["curl", "Python"])
def test_the_code_sends_a_file_and_keeps_the_one_it_gets(
    opened: Callable[[str], Page],
    endpoint_of: Callable[[str], Endpoint],
    language: str,
    tmp_path: Path,
) -> None:
    name = 'it\'s; "a", document.bin'
    (tmp_path / name).write_bytes(b"abc")
    page = opened("mirror")
    page.field("document").send_keys(str(tmp_path / name))
    page.field("text").send_keys("@text;type=x")
    code = page.code(language).replace(MASK, endpoint_of("mirror").token)
    program = {"curl": ["bash", "-c"], "Python": [sys.executable, "-c"]}[language]
    subprocess.run([*program, code], check=True, timeout=60, cwd=tmp_path, capture_output=True)
    assert (tmp_path / "copy").read_bytes() == b"cba"


def test_the_code_follows_the_form(opened: Callable[[str], Page]) -> None:
    page = opened("add")
    assert '"a": 1.5' in page.code("curl")
    page.field("a").send_keys("7")
    assert '"a": 7' in page.code("curl")
    page.part("reset").click()
    wait_until(lambda: '"a": 1.5' in page.code("curl"))


def test_the_token_stays_in_memory_and_out_of_urls(
    browser: webdriver.Chrome, endpoint_of: Callable[[str], Endpoint]
) -> None:
    endpoint = endpoint_of("add")
    browser.get(f"{endpoint.url}/docs#token={endpoint.token}")
    page = Page.__new__(Page)
    page.browser = browser
    wait_until(page.is_open, what="the endpoint is shown")
    assert browser.current_url == f"{endpoint.url}/docs"
    page.field("a").send_keys("1")
    assert page.call() == "200 OK"
    assert page.requested()
    assert all(url.startswith(endpoint.url.rpartition("/")[0]) for url in page.requested())
    assert not [url for url in page.requested() if endpoint.token in url]
    stored = "return [localStorage.length, sessionStorage.length, document.cookie]"
    assert browser.execute_script(stored) == [0, 0, ""]
    browser.refresh()
    assert not page.is_open()
    assert browser.get_log("browser") == []
