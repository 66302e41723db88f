"""The console of a real server, asked by HTTP and used in a real browser."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from tests.browsing import PATIENCE_MS, SIZE, chromium
from tests.conftest import RunningServer

from headrace import HeadraceSdk, Input, Output

__all__ = ["chromium"]

AXE = Path(__file__).parents[2] / "node_modules/axe-core/axe.min.js"
SCRIPT = "<script>window.planted = 1</script>"
IMAGE = '"><img src=x onerror="window.planted = 1">'
"""What an attacker writes wherever text can be written."""

SOURCE = """
import time
from pathlib import Path


def work(name, document=None, until=None):
    print("begins with", name)
    while until and not Path(until).exists():
        time.sleep(0.05)
    if name == "nobody":
        raise KeyError("plan")
    print("\\\\n".join(f"line {number}" for number in range(3)))
    Path("out.csv").write_text("a,b\\\\n1,2\\\\n")
    return {"greeting": f"Hello, {name}", "table": {"path": "out.csv"}}
""".replace("\\\\", "\\")


@dataclass(frozen=True)
class Desk:
    """A user at a server: by SDK, by HTTP, and the credentials for a browser.

    Attributes:
        web: Asks for pages as a browser does, and follows no redirection.
    """

    server: RunningServer
    sdk: HeadraceSdk
    web: httpx.Client

    @property
    def headers(self) -> dict[str, str]:
        """The credentials."""
        return {"authorization": self.web.headers["authorization"]}


@pytest.fixture(scope="module")
def desk(server: RunningServer) -> Iterator[Desk]:
    """A user at the server that all tests share."""
    with desk_at(server) as made:
        yield made


@contextmanager
def desk_at(server: RunningServer) -> Iterator[Desk]:
    """A user at a server."""
    asked = httpx.post(
        f"{server.url}/api/v1/auth/refresh",
        json={"refresh_token": server.token},
        trust_env=False,
    )
    headers = {"authorization": f"Bearer {asked.json()['access_token']}", "accept": "text/html"}
    with (
        HeadraceSdk(server.token, server.url) as sdk,
        httpx.Client(base_url=server.url, headers=headers, trust_env=False, timeout=30) as web,
    ):
        yield Desk(server, sdk, web)


@dataclass(frozen=True)
class Seat:
    """A browser's window in which the user is signed in.

    Attributes:
        page: Its page.
        told: What the page's console was told: errors, and what its policy refused.
    """

    page: Page
    told: list[str]


@dataclass(frozen=True)
class Keys:
    """The keyboard of somebody who has no mouse.

    Attributes:
        page: The page that hears it.
    """

    page: Page

    def press(self, *keys: str) -> None:
        """Press keys one after another."""
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text: str) -> None:
        """Type a text where the focus is."""
        self.page.keyboard.type(text)

    def tab_to(self, selector: str, key: str = "Tab") -> None:
        """Press a key until the focus is on what is sought."""
        for _ in range(60):
            if self.page.evaluate("one => document.activeElement?.matches(one) ?? false", selector):
                return
            self.press(key)
        raise AssertionError(f"{key} does not come to {selector}")

    def tab_back_to(self, selector: str) -> None:
        """Go backwards until the focus is on what is sought."""
        self.tab_to(selector, "Shift+Tab")


@pytest.fixture
def seat(chromium: Browser, desk: Desk) -> Iterator[Seat]:
    """A window that shares nothing with other tests."""
    with_page = _window(chromium, desk)
    page = with_page.new_page()
    told: list[str] = []

    def hear(text: str) -> None:
        # A page that is left while it is brought up to date gives that request up.
        if "Failed to fetch" not in text:
            told.append(text)

    page.on("console", lambda message: hear(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    yield Seat(page, told)
    with_page.close()


@pytest.fixture(scope="module")
def faults(chromium: Browser, desk: Desk) -> Callable[[str], list[str]]:
    """What axe finds on a page, light and dark, wide and narrow."""

    def found(path: str) -> list[str]:
        wrong = []
        for scheme in ("light", "dark"):
            window = _window(chromium, desk, color_scheme=scheme, bypass_csp=True)
            page = window.new_page()
            page.goto(desk.server.url + path)
            page.add_script_tag(path=AXE)
            result: dict[str, Any] = page.evaluate("() => axe.run()")
            wrong += [
                f"{scheme}: {fault['id']}: {node['html'][:200]}"
                for fault in result["violations"]
                for node in fault["nodes"]
            ]
            # Nothing is wider than a telephone but what scrolls by itself.
            page.set_viewport_size({"width": 390, "height": 800})
            over = page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
            if over > 0:
                wrong.append(f"{scheme}: {over} pixels too wide at 390")
            window.close()
        return wrong

    return found


def _window(chromium: Browser, desk: Desk, **more: Any) -> BrowserContext:
    window = chromium.new_context(
        base_url=desk.server.url,
        extra_http_headers=desk.headers,
        viewport=SIZE,  # type: ignore[arg-type]  # a dictionary of that shape
        accept_downloads=True,
        locale="en-GB",
        **more,
    )
    window.set_default_timeout(PATIENCE_MS)
    return window


@pytest.fixture(scope="module")
def pipeline(desk: Desk, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of a pipeline."""
    name = f"work-{uuid.uuid4().hex[:8]}"
    create(desk, name, SOURCE, tmp_path_factory.mktemp("code"))
    yield name
    desk.sdk.delete_pipeline(name, force_deployments_deletion=True)


def create(desk: Desk, name: str, source: str, folder: Path) -> None:
    """Create a pipeline of that name, or another version of it."""
    (folder / "work.py").write_text(source)
    desk.sdk.create_pipeline(
        name,
        "work.py",
        "work",
        container_config={"local_folder": str(folder)},
        inputs=[
            Input("name", "string", is_required=True),
            Input("document", "file"),
            Input("until", "string"),
        ],
        outputs=[Output("greeting", "string"), Output("table", "file")],
        replace=True,
    )
