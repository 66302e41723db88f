"""The text of a version's folder, and how two of them differ."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace.bundles.contents import files_of
from headrace.console.highlighting import Shown, shown

MAX_BYTES = 200_000
"""A larger file is not shown."""

NO_TEXT = ("at", "It is no text, or too large to show.")

MAX_COMPARED = 5_000_000
"""Characters of all files that are compared line by line; the others are too large to show."""

DIFF_LINES = 3000
"""Lines of all differences together that are shown."""


@dataclass(frozen=True, slots=True)
class Difference:
    """How a file differs.

    Attributes:
        path: The file.
        what: ``added``, ``removed`` or ``changed``.
        lines: Kind (``add``, ``take``, ``at`` or ``same``) and HTML of each line that is shown.
        why_plain: Why the parts of its code are not marked, or empty.
    """

    path: str
    what: str
    lines: Sequence[tuple[str, str]]
    why_plain: str = ""


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
    pairs: dict[str, tuple[str | None, str | None]] = {}
    left = MAX_COMPARED
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) == new.get(path):
            continue
        texts = (
            read_text(before, path) if path in old else "",
            read_text(after, path) if path in new else "",
        )
        left -= sum(len(text or "") for text in texts)
        # What is far behind would not be shown: its text need not be kept.
        pairs[path] = texts if left > 0 else (None, None)
    marked = iter(shown([(path, text) for path, pair in pairs.items() for text in pair if text]))
    found, most = [], DIFF_LINES
    for path, texts in pairs.items():
        what = "added" if path not in old else "removed" if path not in new else "changed"
        sides = [next(marked) if text else Shown(()) for text in texts]
        lines = [NO_TEXT] if None in texts else _lines(texts, sides, most)
        most -= len(lines)
        why = sides[0].why_plain or sides[1].why_plain
        found.append(Difference(path, what, lines, why))
    return found


def _lines(texts: Sequence[str | None], sides: Sequence[Shown], most: int) -> list[tuple[str, str]]:
    before, after = (text.splitlines() if text else [] for text in texts)
    found: list[tuple[str, str]] = []
    for group in difflib.SequenceMatcher(None, before, after).get_grouped_opcodes(3):
        first, last = group[0], group[-1]
        spans = [_span(first[1], last[2]), _span(first[3], last[4])]
        found.append(("at", f"@@ -{spans[0]} +{spans[1]} @@"))
        for tag, from_old, to_old, from_new, to_new in group:
            if tag == "equal":
                found += [("same", f" {line}") for line in sides[0].lines[from_old:to_old]]
                continue
            found += [("take", f"-{line}") for line in sides[0].lines[from_old:to_old]]
            found += [("add", f"+{line}") for line in sides[1].lines[from_new:to_new]]
        if len(found) > most:
            return [*found[:most], ("at", "There is more than is shown.")]
    return found


def _span(begin: int, end: int) -> str:
    """Return lines as unified comparisons number them."""
    if end - begin == 1:
        return str(begin + 1)
    return f"{begin + 1 if end > begin else begin},{end - begin}"
