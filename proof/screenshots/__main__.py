"""The pictures of the console: all of them in ``.screenshots``, those of the guides in ``docs``.

A real server is started, filled by :mod:`proof.screenshots.example`, and looked at in the browser
of the tests (``scripts/setup_tests.sh``).
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path

from proof.screenshots.example import fill
from proof.screenshots.pictures import WIDTHS, Picture, pictures_of, take, take_bare
from tests.conftest import RunningServer

from headrace import HeadraceSdk

ROOT = Path(__file__).resolve().parents[2]
ALL = ROOT / ".screenshots"
KEPT = ROOT / "docs" / "pictures"
GUIDES = (
    *("home-1280-light", "home-1280-dark", "pipeline-1280-light", "versions-1280-dark"),
    *("new-pipeline-1280-light", "endpoint-1280-light", "endpoint-1280-dark"),
    *("execution-1280-light", "failed-execution-1280-dark", "executions-1280-light"),
    *("monitoring-1280-light", "data-store-file-1280-light", "execution-390-dark"),
    *("compare-1280-light", "endpoint-390-light", "execution-1920-light", "welcome-1280-light"),
)
"""The pictures that README and guides show."""

MAX_BYTES = 1_500_000
"""Of all pictures that are committed."""


def main() -> None:
    """Take the pictures."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--width", type=int, choices=WIDTHS, help="only this width")
    options.add_argument("--only", default="", help="only pictures with this in their names")
    asked = options.parse_args()
    widths = (asked.width,) if asked.width else WIDTHS
    ALL.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="headrace-pictures-") as place:
        server = RunningServer(Path(place, "data")).start()
        try:
            _take_all(server, Path(place), widths, asked.only)
        finally:
            server.stop()
    if not asked.width and not asked.only:
        _keep()


def _take_all(server: RunningServer, scratch: Path, widths: tuple[int, ...], only: str) -> None:
    if only in "sign-in":
        take_bare(server.url, "sign-in", "/sign-in", widths, ALL)
    empty = [Picture("welcome", "/"), Picture("no-pipelines", "/pipelines")]
    for _ in take(
        server.url, server.token, [one for one in empty if only in one.name], widths, ALL
    ):
        pass
    with HeadraceSdk(server.token, server.url, verbose_log=False) as sdk:
        ids = fill(sdk, scratch)
    wanted = [one for one in pictures_of(ids) if only in one.name]
    for count, _ in enumerate(take(server.url, server.token, wanted, widths, ALL), start=1):
        print(f"\r{count} pictures in {ALL.name}", end="", flush=True)
    print()


def _keep() -> None:
    """Copy the pictures of the guides to where they are committed."""
    KEPT.mkdir(exist_ok=True)
    for name in GUIDES:
        shutil.copy(ALL / f"{name}.webp", KEPT)
    size = sum(file.stat().st_size for file in KEPT.iterdir())
    print(f"{len(GUIDES)} pictures in {KEPT.relative_to(ROOT)}, {size:,} bytes")
    if size > MAX_BYTES:
        raise SystemExit(f"They have more than {MAX_BYTES:,} bytes: keep fewer.")


if __name__ == "__main__":
    main()
