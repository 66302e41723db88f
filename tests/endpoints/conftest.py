"""Endpoints on a real server, and a real browser to use them with."""

from __future__ import annotations

import functools
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from selenium import webdriver
from tests.conftest import RunningServer

from headrace import HeadraceSdk, Input, Output

SOURCE = '''\
"""What the endpoints of these tests run."""

import time
from pathlib import Path


def add(a, b, note):
    return {"total": a + b, "note": note}


def mirror(document, text, number, flag, record, items):
    Path("mirrored.bin").write_bytes(Path(document["path"]).read_bytes()[::-1])
    sent = {"text": text, "number": number, "flag": flag, "record": record, "items": items}
    return {"copy": {"path": "mirrored.bin"}, "sent": sent}


def fail(message):
    raise ValueError(message)


def wait(seconds):
    time.sleep(seconds)
    return {"waited": seconds}
'''

INPUTS = {
    "add": [
        Input("a", "number", "the first <b>summand</b>", is_required=True),
        Input("b", "number", default_value=2),
        Input("note", "string"),
    ],
    "mirror": [
        Input("document", "file", is_required=True),
        Input("text", "string"),
        Input("number", "number"),
        Input("flag", "boolean"),
        Input("record", "json"),
        Input("items", "array", default_value=[1, 2]),
    ],
    "fail": [Input("message", "string", is_required=True)],
    "wait": [Input("seconds", "number", is_required=True)],
}
OUTPUTS = {
    "add": [Output("total", "number", "the sum"), Output("note", "string")],
    "mirror": [Output("copy", "file"), Output("sent", "json")],
    "fail": [],
    "wait": [Output("waited", "number")],
}


@dataclass(frozen=True)
class Endpoint:
    url: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"EndpointToken {self.token}"}


def make_endpoint(running: RunningServer, folder: Path, function: str) -> Endpoint:
    """A pipeline of one of the functions above, and an endpoint of it."""
    (folder / "main.py").write_text(SOURCE)
    name = f"{function}-{uuid.uuid4().hex[:8]}"
    with HeadraceSdk(sdk_token=running.token, environment_url=running.url) as sdk:
        sdk.create_pipeline(
            name,
            "main.py",
            function,
            container_config={"local_folder": str(folder)},
            inputs=INPUTS[function],
            outputs=OUTPUTS[function],
        )
        deployment = sdk.create_deployment(name, name, "endpoint", description="Try me.")
    return Endpoint(f"{running.url}/endpoints/{name}", deployment["endpoint_token"])


@pytest.fixture(scope="session")
def endpoint_of(
    server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Endpoint]:
    """Makes an endpoint of a function once, on the shared server."""
    return functools.cache(
        lambda function: make_endpoint(server, tmp_path_factory.mktemp("source"), function)
    )


@pytest.fixture
def sdk(server: RunningServer) -> Iterator[HeadraceSdk]:
    with HeadraceSdk(sdk_token=server.token, environment_url=server.url) as connected:
        yield connected


CHROMIUM_OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--window-size=1280,1000",
)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A browser with an empty profile, which saves downloads to its folder ``downloads``."""
    programs = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    missing = [name for name, path in programs.items() if path is None]
    if missing:
        pytest.fail(
            f"These tests need a browser; missing on PATH: {', '.join(missing)}. "
            "On Debian: apt-get install chromium chromium-driver"
        )
    profile = tmp_path_factory.mktemp("chromium")
    options = webdriver.ChromeOptions()
    options.binary_location = str(programs["chromium"])
    for option in (*CHROMIUM_OPTIONS, f"--user-data-dir={profile}"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.add_experimental_option(
        "prefs", {"download.default_directory": str(profile / "downloads")}
    )
    driver = webdriver.Chrome(options, webdriver.ChromeService(programs["chromedriver"]))
    yield driver
    driver.quit()


@pytest.fixture
def browser(chromium: webdriver.Chrome) -> Iterator[webdriver.Chrome]:
    """The browser on an empty page, its console empty."""
    chromium.get("about:blank")
    chromium.get_log("browser")
    yield chromium
    chromium.get("about:blank")


@pytest.fixture
def downloads(chromium: webdriver.Chrome) -> Path:
    """Where the browser saves files."""
    return Path(chromium.capabilities["chrome"]["userDataDir"]) / "downloads"
