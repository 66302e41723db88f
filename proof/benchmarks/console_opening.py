"""A page opened in a browser: when it shows something, when it shows what one came for, bytes."""

from __future__ import annotations

from dataclasses import dataclass

from playwright.sync_api import BrowserContext
from proof.benchmarks.console_products import Opened

PATIENCE_MS = 60_000
LOOK_MS = 50
QUIET_MS = 1000
"""What comes over the wire so long after the rows is counted as well."""

# Looks with each frame, from the beginning of the document.
_LOOK = """
(() => {
  const look = () => {
    if (document.body && (%s)) {
      const painted = performance.getEntriesByName("first-contentful-paint")[0]
      // Nobody sees it before the first paint, which is told a little later.
      if (painted) {
        const at = painted.startTime
        window.seen = [at, Math.max(performance.now(), at)]
        return
      }
    }
    requestAnimationFrame(look)
  }
  look()
})()
"""


@dataclass(frozen=True, slots=True)
class Opening:
    """How a page came.

    Attributes:
        painted_ms: From asking for it to its first contentful paint.
        there_ms: The same, until what one came for is there.
        size: Bytes over the wire, with headers, of all that it loaded.
        requests: How many answers those were.
        rows: How many rows a list has in the document.
    """

    painted_ms: float
    there_ms: float
    size: int
    requests: int
    rows: int


def opened(window: BrowserContext, page: Opened) -> Opening:
    """Open a page in a new tab of a window, whose cache it uses, and close it."""
    tab = window.new_page()
    sizes: list[int] = []
    wire = window.new_cdp_session(tab)
    wire.send("Network.enable")
    wire.on("Network.loadingFinished", lambda told: sizes.append(int(told["encodedDataLength"])))
    tab.add_init_script(_LOOK % page.is_there)
    tab.goto(page.url, wait_until="commit", timeout=PATIENCE_MS)
    for _ in range(PATIENCE_MS // LOOK_MS):
        if tab.evaluate("Boolean(window.seen)"):
            break
        tab.wait_for_timeout(LOOK_MS)
    tab.wait_for_timeout(QUIET_MS)
    painted, there = tab.evaluate("window.seen")
    rows = int(tab.locator(page.rows).count())
    tab.close()
    return Opening(painted, there, sum(sizes), len(sizes), rows)
