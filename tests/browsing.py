"""A real browser for the tests that use pages as a person would.

Modules whose tests use these fixtures hold no asynchronous tests: the driver's event loop runs in
the thread of the tests as long as a module does.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

BROWSER = Path(__file__).parent.parent / ".browser"
OPTIONS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
SIZE = {"width": 1280, "height": 1000}
PATIENCE_MS = 30_000

expect.set_options(timeout=PATIENCE_MS)


def find_program() -> tuple[str, dict[str, str]]:
    """The browser that `make test` set up or else the system's, and variables it needs."""
    own = BROWSER / "chromium"
    if own.exists():
        return str(own), {"LD_LIBRARY_PATH": str(BROWSER / "lib"), "FONTCONFIG_PATH": str(BROWSER)}
    found = shutil.which("chromium")
    if found is None:
        pytest.fail("These tests need a browser: run scripts/setup_tests.sh, or install chromium.")
    return found, {}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser without a profile."""
    program, variables = find_program()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=program, args=[*OPTIONS], env={**os.environ, **variables}
        )
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    """An empty page that shares nothing with other tests."""
    context = chromium.new_context(
        viewport=SIZE,  # type: ignore[arg-type]  # a dictionary of that shape
        accept_downloads=True,
        locale="en-GB",
    )
    context.set_default_timeout(PATIENCE_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def console(page: Page) -> list[str]:
    """What the page's console has been told, errors of the page and of its requests included."""
    lines: list[str] = []
    page.on("console", lambda message: lines.append(message.text))
    page.on("pageerror", lambda error: lines.append(str(error)))
    return lines
