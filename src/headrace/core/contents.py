"""The content of a folder: what belongs to it, and its digest, the same wherever it is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

TOOL_NAMES = frozenset(
    {
        ".git",
        ".hg",
        ".svn",
        ".venv",
        ".tox",
        ".nox",
        ".eggs",
        ".ipynb_checkpoints",
        "__pycache__",
        "node_modules",
        # What is deployed, and not a part of it: a new schedule is no new version.
        "headrace.toml",
    }
)
"""Names that tools keep for themselves, wherever they are."""


class ContentDigest:
    """SHA-256 of a folder's content while it is read; entries come sorted by their paths.

    Relative paths, bytes, targets of links and whether files are executable go in; owners and times
    do not. Paths are relative to the folder, with ``/``.
    """

    def __init__(self) -> None:
        self._digest = hashlib.sha256(b"headrace bundle 1\n")

    def add_folder(self, path: str) -> None:
        """Take up a folder."""
        self._feed("directory", path)

    def add_link(self, path: str, target: str) -> None:
        """Take up a symbolic link."""
        self._feed("link", path, target)

    def add_file(self, path: str, *, is_program: bool, size: int, content: Iterable[bytes]) -> None:
        """Take up a file."""
        self._feed("program" if is_program else "file", path)
        self._digest.update(size.to_bytes(8, "big"))
        for piece in content:
            self._digest.update(piece)

    def hexdigest(self) -> str:
        """Return the digest of what was taken up."""
        return self._digest.hexdigest()

    def _feed(self, *texts: str) -> None:
        # The length goes first, so that no two contents feed the same bytes.
        for text in map(str.encode, texts):
            self._digest.update(len(text).to_bytes(8, "big"))
            self._digest.update(text)
