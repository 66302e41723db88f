"""The pictures: each page, narrow and wide, light and dark."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from proof.screenshots import example
from tests.browsing import OPTIONS, find_program

WIDTHS = (390, 1280, 1920)
HEIGHTS = {390: 844, 1280: 860, 1920: 1080}
SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
QUALITY = 82
"""Of WebP, from 0 to 100: letters are sharp, and a picture has some 40 KB."""

_LOADED_MS = 30_000
_DRAWN_MS = 400


@dataclass(frozen=True)
class Picture:
    """A picture to take.

    Attributes:
        name: Its file, without size, theme and suffix.
        path: The page.
        scroll: Selector of what is scrolled to; empty for the head of the page.
    """

    name: str
    path: str
    scroll: str = ""


def pictures_of(ids: Mapping[str, str]) -> list[Picture]:
    """Return the pictures of a server that :func:`proof.screenshots.example.fill` filled."""
    forecast = f"/pipelines/{example.FORECAST}"
    return [
        Picture("home", "/"),
        Picture("pipelines", "/pipelines"),
        Picture("new-pipeline", "/pipelines/new"),
        Picture("new-from-template", "/pipelines/new?from=template"),
        Picture("pipeline", forecast),
        Picture("versions", f"{forecast}/versions", "#differences"),
        Picture("run", f"{forecast}/run"),
        Picture("deployments", "/deployments"),
        Picture("endpoint", f"/deployments/{example.FORECAST}"),
        Picture("periodic", f"/deployments/{example.REPORT}"),
        Picture("executions", "/executions"),
        Picture("execution", f"/executions/{ids['good']}"),
        Picture("failed-execution", f"/executions/{ids['failed']}"),
        Picture("run-again", f"/executions/{ids['failed']}/rerun"),
        Picture(
            "compare", f"/executions/compare?id={ids['first']}&id={ids['second']}&id={ids['good']}"
        ),
        Picture("report-execution", f"/executions/{ids['report']}"),
        Picture("monitoring", "/monitoring"),
        Picture("data-store", "/data-store?folder=sales"),
        Picture("data-store-file", "/data-store/file?path=sales/today.csv"),
        Picture("variables", "/variables"),
        Picture("settings", "/settings"),
        Picture("tokens", "/settings/tokens"),
        Picture("server", "/settings/server"),
    ]


def take(
    url: str, token: str, pictures: list[Picture], widths: tuple[int, ...], target: Path
) -> Iterator[Path]:
    """Take pictures, and yield the file of each."""
    for browser in _browser():
        for width in widths:
            for scheme in SCHEMES:
                with _signed_in(browser, url, token, width, scheme) as page:
                    for picture in pictures:
                        yield _take(page, picture, target / f"{picture.name}-{width}-{scheme}.webp")


def take_bare(url: str, name: str, path: str, widths: tuple[int, ...], target: Path) -> None:
    """Take pictures of a page for whoever has not signed in."""
    for browser in _browser():
        for width in widths:
            for scheme in SCHEMES:
                with _window(browser, url, width, scheme) as window:
                    file = target / f"{name}-{width}-{scheme}.webp"
                    _take(window.new_page(), Picture(name, path), file)


def _take(page: Page, picture: Picture, file: Path) -> Path:
    page.goto(picture.path)
    page.wait_for_timeout(_DRAWN_MS)
    if picture.scroll:
        page.locator(picture.scroll).first.scroll_into_view_if_needed()
        page.evaluate("(what) => document.querySelector(what).scrollIntoView()", picture.scroll)
    session = page.context.new_cdp_session(page)
    options = {"format": "webp", "quality": QUALITY}
    shot = session.send("Page.captureScreenshot", options)
    file.write_bytes(base64.b64decode(shot["data"]))
    session.detach()
    return file


def _browser() -> Iterator[Browser]:
    program, variables = find_program()
    with sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=program, args=[*OPTIONS], env={**os.environ, **variables}
        )
        yield browser
        browser.close()


@contextmanager
def _window(
    browser: Browser, url: str, width: int, scheme: Literal["light", "dark"]
) -> Iterator[BrowserContext]:
    window = browser.new_context(
        base_url=url,
        color_scheme=scheme,
        viewport={"width": width, "height": HEIGHTS[width]},
        locale="en-GB",
        timezone_id="Europe/Berlin",
    )
    window.set_default_timeout(_LOADED_MS)
    yield window
    window.close()


@contextmanager
def _signed_in(
    browser: Browser, url: str, token: str, width: int, scheme: Literal["light", "dark"]
) -> Iterator[Page]:
    with _window(browser, url, width, scheme) as window:
        page = window.new_page()
        page.goto("/sign-in")
        page.get_by_label("SDK token").fill(token)
        page.get_by_role("button", name="Sign in with the token").click()
        page.get_by_role("button", name="Sign out").wait_for()
        yield page
