"""The text of a version's folder, and how two of them differ."""

from __future__ import annotations

import difflib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace.bundles.contents import files_of

MAX_BYTES = 200_000
"""A larger file is not shown."""

DIFF_LINES = 3000
"""Lines of all differences together that are shown."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How a file differs.

    Attributes:
        path: The file.
        what: ``added``, ``removed`` or ``changed``.
        lines: Kind (``add``, ``take``, ``at`` or ``same``) and text of each line that is shown.
    """

    path: str
    what: str
    lines: Sequence[tuple[str, str]]


def read_text(folder: Path, path: str) -> str | None:
    """Return the text of a file that is listed in a folder; None if it is none, or too large."""
    place = folder / path
    if place.is_symlink() or not place.is_file() or place.stat().st_size > MAX_BYTES:
        return None
    try:
        return place.read_text("utf-8")
    except UnicodeDecodeError:
        return None


def differences(before: Path, after: Path) -> list[Difference]:
    """Return how the files of two folders differ, sorted by path."""
    old, new = (
        {path: digest for path, _, digest in files_of(folder)} for folder in (before, after)
    )
    found = []
    left = DIFF_LINES
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) == new.get(path):
            continue
        what = "added" if path not in old else "removed" if path not in new else "changed"
        texts = [
            read_text(folder, path) if path in names else ""
            for folder, names in ((before, old), (after, new))
        ]
        lines = _lines(texts[0], texts[1], left)
        left -= len(lines)
        found.append(Difference(path, what, lines))
    return found


def _lines(before: str | None, after: str | None, most: int) -> list[tuple[str, str]]:
    if before is None or after is None:
        return [("at", "It is no text, or too large to show.")]
    shown: list[tuple[str, str]] = []
    marks = {"+": "add", "-": "take", "@": "at"}
    # The first two lines name the files.
    diff = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3)
    for line in itertools.islice(diff, 2, None):
        if len(shown) >= most:
            shown.append(("at", "There is more than is shown."))
            break
        shown.append((marks.get(line[:1], "same"), line))
    return shown
