"""The text of what changed between two contents of a folder."""

from __future__ import annotations

import difflib
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from headrace.client.local_files import size_text

MAX_TEXT_BYTES = 1_000_000
"""Larger files are compared by their size alone."""

MAX_LINES = 60
"""Lines of the difference of one file that are shown."""


def contents_of(archive: BinaryIO, paths: Iterable[str]) -> dict[str, bytes]:
    """Return the contents of files of a gzip-compressed tar, by their paths."""
    wanted = set(paths)
    found = {}
    with tarfile.open(fileobj=archive, mode="r:gz") as tar:
        for member in tar:
            file = tar.extractfile(member) if member.name in wanted and member.isreg() else None
            if file is not None:
                found[member.name] = file.read()
    return found


def differences(
    paths: Iterable[str], before: Mapping[str, bytes], after: Mapping[str, Path]
) -> Iterator[str]:
    """Yield the lines of a unified difference, each file cut where it becomes too long.

    Args:
        paths: The files that differ.
        before: Contents of those that were there.
        after: Those that are there now.
    """
    for path in paths:
        old = before.get(path)
        new = after[path].read_bytes() if path in after else None
        lines = list(_difference(path, old, new))
        yield from lines[:MAX_LINES]
        if len(lines) > MAX_LINES:
            yield f"… {len(lines) - MAX_LINES:,} more lines of {path}"


def _difference(path: str, old: bytes | None, new: bytes | None) -> Iterator[str]:
    texts = _text(old), _text(new)
    if texts[0] is None or texts[1] is None:
        yield f"{path}: {_size(old)} → {_size(new)}"
        return
    names = (_side("a", path, old), _side("b", path, new))
    yield from difflib.unified_diff(texts[0], texts[1], *names, lineterm="")


def _side(side: str, path: str, content: bytes | None) -> str:
    return "/dev/null" if content is None else f"{side}/{path}"


def _text(content: bytes | None) -> list[str] | None:
    """Return the lines of a file, or None if it is too large or no text."""
    if content is None:
        return []
    if len(content) > MAX_TEXT_BYTES or b"\0" in content:
        return None
    try:
        return content.decode().splitlines()
    except UnicodeDecodeError:
        return None


def _size(content: bytes | None) -> str:
    return "nothing" if content is None else size_text(len(content))
