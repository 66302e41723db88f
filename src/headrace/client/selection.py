"""Which files and folders of a local folder travel with a new pipeline."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from headrace.client.ignored import IgnoreRules, is_data_directory, tool_reason
from headrace.client.local_files import size_text
from headrace.core.errors import InvalidRequest
from headrace.core.ignore_files import CACHE, TOOL, looks_secret
from headrace.core.pipelines import check_folder_path

LEAVE_OUT = "leave it out by a .headraceignore file"


@dataclass(slots=True)
class Selection:
    """What travels of a local folder; paths in the archive have ``/``.

    Attributes:
        files: Path in the archive to the file on this machine.
        folders: The folders, those without files among them.
        links: Links to folders of the archive, with their relative targets.
        left_out: What stays here, with the reason.
        size: Bytes of all files.
    """

    files: dict[str, Path] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    size: int = 0

    @property
    def extent(self) -> str:
        """How many files travel, and how large they are."""
        count = len(self.files)
        return f"{count} file{'s' * (count != 1)}, {size_text(self.size)}"

    @property
    def surprises(self) -> dict[str, str]:
        """What stays here though somebody may expect it in the run."""
        return {name: why for name, why in self.left_out.items() if why not in {TOOL, CACHE}}

    @property
    def secrets(self) -> list[str]:
        """Files that travel though their names are those of passwords and keys."""
        return [name for name in self.files if looks_secret(name)]


def select(folder: Path, included: Iterable[str]) -> Selection:
    """Return the selection of a folder.

    An entry of ``included`` travels even if an ignore file names it, and then with all that is in
    it but what tools made.

    Args:
        folder: The local folder.
        included: Files and folders in it; ``/`` is all of it.

    Raises:
        InvalidRequest: The folder or something that is included does not exist, leaves the folder,
            or cannot be sent.
    """
    if not folder.is_dir():
        raise InvalidRequest(f"local_folder {str(folder)!r} is not a folder.")
    root = folder.resolve()
    if is_data_directory(root):
        raise InvalidRequest(
            f"local_folder {str(folder)!r} is a Headrace server's data directory, with its keys: "
            "keep code in a folder of its own."
        )
    selecting = _Selecting(root)
    for entry in included:
        start = root / check_folder_path(entry, "included path")
        if not os.path.lexists(start):
            raise InvalidRequest(f"{entry!r} is to be included, but {str(folder)!r} has no such.")
        selecting.add(start)
    return selecting.finish()


class _Selecting:
    """The selection while it grows."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._rules = IgnoreRules(root)
        self._files: dict[str, Path] = {}
        self._folders: set[str] = set()
        self._links: dict[str, Path] = {}
        self._left_out: dict[str, str] = {}

    def add(self, start: Path) -> None:
        """Add a file, or a folder with all that travels of it."""
        if start != self._root:
            start = self._target(start.parent) / start.name
        is_named_anyway = self._enter_down_to(start)
        if start.is_symlink() or not start.is_dir():
            self._take(start)
            return
        for path, is_folder in self._walk(start, is_named_anyway=is_named_anyway):
            if is_folder:
                self._folders.add(self._name(path))
            else:
                self._take(path)

    def finish(self) -> Selection:
        """Return the selection, in order, once all links lead to something of it."""
        self._folders.discard(".")
        links = {}
        for name, target in sorted(self._links.items()):
            goal = self._name(target)
            if goal != "." and goal not in self._folders:
                self._refuse(
                    self._root / name, f"is a link to {goal!r}, which does not travel", LEAVE_OUT
                )
            links[name] = os.path.relpath(target, (self._root / name).parent)
        files = dict(sorted(self._files.items()))
        return Selection(
            files=files,
            folders=sorted(self._folders),
            links=links,
            left_out={
                name: why for name, why in sorted(self._left_out.items()) if name not in files
            },
            size=sum(path.stat().st_size for path in files.values()),
        )

    def _enter_down_to(self, start: Path) -> bool:
        """Read the ignore files above ``start``; tell whether one of them leaves it out."""
        is_out = False
        for path in reversed([start, *start.parents]):
            if path == self._root or not path.is_relative_to(self._root):
                continue
            self._rules.enter(path.parent)
            is_folder = path.is_dir() and not path.is_symlink()
            is_out = is_out or self._rules.reason(path, is_folder=is_folder) is not None
        return is_out

    def _walk(self, start: Path, *, is_named_anyway: bool) -> Iterator[tuple[Path, bool]]:
        """Yield what travels of a folder: each path, and whether it is a folder."""
        waiting = [start]
        while waiting:
            parent = waiting.pop()
            yield parent, True
            self._rules.enter(parent)
            for entry in _entries(parent):
                path = parent / entry.name
                is_folder = entry.is_dir(follow_symlinks=False)
                reason = tool_reason(path, is_folder=is_folder)
                if reason is None and not is_named_anyway:
                    reason = self._rules.reason(path, is_folder=is_folder)
                if reason is not None:
                    self._left_out[self._name(path) + "/" * is_folder] = reason
                elif is_folder:
                    waiting.append(path)
                else:
                    yield path, False

    def _take(self, path: Path) -> None:
        name = self._name(path)
        if not path.is_symlink():
            if stat.S_ISREG(path.stat().st_mode):
                self._files[name] = path
            else:
                self._left_out[name] = "neither a file nor a folder"
            return
        target = self._target(path)
        if target.is_dir():
            self._links[name] = target
        elif target.is_file():
            self._files[name] = target
        else:
            self._refuse(path, "is a link to neither a file nor a folder", LEAVE_OUT)

    def _target(self, path: Path) -> Path:
        try:
            target = path.resolve(strict=True)
        except FileNotFoundError:
            self._refuse(
                path, f"is a link to {str(path.readlink())!r}, which is not there", LEAVE_OUT
            )
        except (OSError, RuntimeError):
            # A loop is a RuntimeError before Python 3.13.
            self._refuse(path, "is a link that leads nowhere but to itself", LEAVE_OUT)
        if not target.is_relative_to(self._root):
            self._refuse(
                path,
                f"is a link that leaves the folder, to {str(target)!r}",
                f"replace it by what it leads to, or {LEAVE_OUT}",
            )
        return target

    def _name(self, path: Path) -> str:
        name = path.relative_to(self._root).as_posix()
        try:
            name.encode()
        except UnicodeEncodeError:
            self._refuse(path, "has a name that is not UTF-8", f"rename it, or {LEAVE_OUT}")
        if "\\" in name:
            self._refuse(path, "has a backslash in its name", f"rename it, or {LEAVE_OUT}")
        return name

    def _refuse(self, path: Path, what: str, remedy: str) -> NoReturn:
        shown = str(path.relative_to(self._root))
        raise InvalidRequest(f"{shown!r} {what}: {remedy}.")


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise InvalidRequest(
            f"{str(folder)!r} cannot be packed: {error.strerror or error}. Make it readable, or "
            f"{LEAVE_OUT}."
        ) from None
