"""Whether a bundle is as it was published: known from the facts of its files alone."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def stamp_of(folder: Path, archive: Path) -> str:
    """Return a text that differs once any file has been written, replaced, added or removed.

    Nobody can set back the times of change that go in; a copy of the bundle has another stamp.

    Raises:
        OSError: Something in it cannot be looked at.
    """
    lines = [_facts("", archive), _facts(".", folder)]
    for directory, folders, files in os.walk(folder):
        for name in (*folders, *files):
            place = Path(directory, name)
            lines.append(_facts(os.path.relpath(place, folder), place))
    text = "\n".join(sorted(lines))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _facts(name: str, place: Path) -> str:
    found = place.lstat()
    return (
        f"{name!r} {found.st_mode} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} "
        f"{found.st_ino}"
    )
