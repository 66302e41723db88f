"""The text of a version's folder, and how two of them differ."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headrace.bundles.contents import files_of

MAX_BYTES = 200_000
"""A larger file is not shown."""

MAX_FILES = 500
DIFF_LINES = 3000


@dataclass(frozen=True, slots=True)
class Source:
    """A file of a folder.

    Attributes:
        path: Relative to the folder.
        size: Bytes.
        digest: SHA-256 of its content.
    """

    path: str
    size: int
    digest: str


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


def list_files(folder: Path) -> list[Source]:
    """Return the files of a folder, sorted by path."""
    return [Source(*found) for found in files_of(folder)[:MAX_FILES]]


def read_text(folder: Path, path: str) -> str | None:
    """Return the text of a file that :func:`list_files` names; None if it is none, or too large."""
    place = folder / path
    if place.is_symlink() or not place.is_file() or place.stat().st_size > MAX_BYTES:
        return None
    try:
        return place.read_text("utf-8")
    except UnicodeDecodeError:
        return None


def differences(before: Path, after: Path) -> list[Difference]:
    """Return how the files of two folders differ, sorted by path."""
    old = {source.path: source.digest for source in list_files(before)}
    new = {source.path: source.digest for source in list_files(after)}
    found = []
    for path in sorted(old.keys() | new.keys()):
        if old.get(path) == new.get(path):
            continue
        what = "added" if path not in old else "removed" if path not in new else "changed"
        texts = [
            read_text(folder, path) if path in names else ""
            for folder, names in ((before, old), (after, new))
        ]
        found.append(Difference(path, what, _lines(texts[0], texts[1])))
    return found


def _lines(before: str | None, after: str | None) -> list[tuple[str, str]]:
    if before is None or after is None:
        return [("at", "It is no text, or too large to show.")]
    shown: list[tuple[str, str]] = []
    marks = {"+": "add", "-": "take", "@": "at"}
    for line in difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3):
        if line.startswith(("---", "+++")) and not shown:
            continue
        if len(shown) == DIFF_LINES:
            shown.append(("at", "There is more."))
            break
        shown.append((marks.get(line[:1], "same"), line))
    return shown
