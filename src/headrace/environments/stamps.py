"""Whether an environment is as it was built: known from the facts of its files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

_OWN_PREFIX = "headrace-"
_BYTECODE = "__pycache__"


def stamp_of(folder: Path) -> str:
    """Return a text that differs once any file has been written, added or removed.

    Bytecode, which is written later, and Headrace's own marks do not count. Neither do the numbers
    of files and the times at which others linked to them: files are shared with uv's cache.

    Raises:
        OSError: Something in it cannot be looked at.
    """
    lines = []
    for directory, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != _BYTECODE]
        for name in files:
            place = Path(directory, name)
            path = os.path.relpath(place, folder)
            if not path.startswith(_OWN_PREFIX):
                found = place.lstat()
                lines.append(f"{path!r} {found.st_mode} {found.st_size} {found.st_mtime_ns}")
    text = "\n".join(sorted(lines))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
