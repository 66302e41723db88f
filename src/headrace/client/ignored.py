"""What of a local folder does not travel: ignore files, and what tools make for themselves."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from headrace.core.contents import TOOL_NAMES
from headrace.core.errors import InvalidRequest
from headrace.core.ignore_files import (
    DATA_DIRECTORY_MARK,
    EXCLUDE_FILE,
    GIT_FILE,
    OWN_FILE,
    TOOL,
    TOOL_MARKS,
    IgnoreFiles,
)


def tool_reason(path: Path, *, is_folder: bool) -> str | None:
    """Return the tool that made an entry, or None if it is the user's."""
    if path.name in TOOL_NAMES:
        return TOOL
    if is_folder:
        for mark, what in TOOL_MARKS.items():
            if os.path.lexists(path / mark):
                return what
    return None


def is_data_directory(folder: Path) -> bool:
    """Check whether a folder is a Headrace server's data directory, which holds its keys."""
    return os.path.lexists(folder / DATA_DIRECTORY_MARK)


class IgnoreRules:
    """The ignore files of a local folder, read while it is walked.

    Those of git that lie above the folder count as far as its repository reaches.

    Args:
        root: The local folder, without links in its path.
    """

    def __init__(self, root: Path) -> None:
        self._files = IgnoreFiles()
        top = _repository_of(root)
        if top is None:
            self.enter(root)
            return
        self._read(_exclude_file(top), EXCLUDE_FILE, top)
        for folder in _down_to(top, root):
            self.enter(folder)

    def enter(self, folder: Path) -> None:
        """Read the ignore files of a folder, before its entries are judged."""
        for name in (OWN_FILE, GIT_FILE):
            self._read(folder / name, name, folder)

    def reason(self, path: Path, *, is_folder: bool) -> str | None:
        """Return the kind of ignore file that leaves an entry out, or None if none does.

        Args:
            path: The entry; the folders above it were entered.
            is_folder: Whether it is a folder; a link to one is none.
        """
        return self._files.reason(path, is_folder=is_folder)

    def _read(self, file: Path, name: str, folder: Path) -> None:
        try:
            text = file.read_text("utf-8", "surrogateescape")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return
        except OSError as error:
            if not os.access(file.parent, os.X_OK):
                # Whoever looks into the folder says that it is closed.
                return
            raise InvalidRequest(f"{str(file)!r} cannot be read: {error.strerror}.") from None
        try:
            self._files.add(name, folder, text)
        except ValueError as error:
            raise InvalidRequest(f"{str(file)!r} cannot be used: {error}.") from None


def _repository_of(folder: Path) -> Path | None:
    return next((top for top in (folder, *folder.parents) if os.path.lexists(top / ".git")), None)


def _exclude_file(top: Path) -> Path:
    """Return the file of excludes of a repository; that of a worktree or submodule is elsewhere."""
    git = top / ".git"
    # A repository that git itself cannot use rules nothing out.
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if git.is_file():
            git = top / git.read_text("utf-8").removeprefix("gitdir:").strip()
        common = git / "commondir"
        if common.is_file():
            git /= common.read_text("utf-8").strip()
    return git / "info" / "exclude"


def _down_to(top: Path, folder: Path) -> Iterator[Path]:
    yield from reversed([above for above in folder.parents if above.is_relative_to(top)])
    yield folder
