"""First paints of pages in a real browser with an empty cache."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright
from tests.browsing import OPTIONS, SIZE, find_program

PAINTED = """() => new Promise(tell => new PerformanceObserver((list, observer) => {
  const found = list.getEntriesByName("first-contentful-paint")[0]
  if (found) { observer.disconnect(); tell(found.startTime) }
}).observe({type: "paint", buffered: true}))"""


@contextmanager
def browser() -> Iterator[Browser]:
    """Run a browser."""
    program, variables = find_program()
    with sync_playwright() as driver:
        started = driver.chromium.launch(
            executable_path=program, args=[*OPTIONS], env={**os.environ, **variables}
        )
        yield started
        started.close()


def painted_ms(started: Browser, url: str, headers: Mapping[str, str]) -> float:
    """Return the milliseconds from asking for a page to its first contentful paint."""
    window = started.new_context(
        extra_http_headers=dict(headers),
        # That of a machine may be none that a page can use.
        locale="en-US",
        viewport=SIZE,  # type: ignore[arg-type]  # a dictionary of that shape
    )
    page = window.new_page()
    page.goto(url)
    found = float(page.evaluate(PAINTED))
    window.close()
    return found


def compare_paints(
    pages: Sequence[tuple[str, Sequence[str]]], headers: Sequence[Mapping[str, str]], rounds: int
) -> None:
    """Print the first paint of each page with few, with as many rows, and with many, in turn.

    Args:
        pages: Name of the page, and its URL at each of the servers.
        headers: Those of requests to each of them.
        rounds: How often each is opened.
    """
    print("| page | first paint with 100 | as many rows | with many | ratio to 100 | ratio |")
    print("|---|---|---|---|---|---|")
    with browser() as started:
        for name, urls in pages:
            found: list[list[float]] = [[] for _ in urls]
            for _ in range(rounds):
                for times, url, sent in zip(found, urls, headers, strict=True):
                    times.append(painted_ms(started, url, sent))
            few, alike, many = map(statistics.median, found)
            print(
                f"| `{name}` | {few:.0f} ms | {alike:.0f} ms | {many:.0f} ms "
                f"| {many / few:.2f} | {many / alike:.2f} |",
                flush=True,
            )
