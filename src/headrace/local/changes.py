"""Notices that files of a folder change, of those that travel with a pipeline."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from headrace.client.selection import select
from headrace.core.errors import HeadraceError

PAUSE_S = 0.15
"""Between two looks."""

QUIET_S = 0.1
"""Files are taken for written once nothing has changed for this time."""

MOST_UNREST_S = 2.0

PRINTED_TO = (1, 2)
"""Descriptors of stdout and stderr."""

FREE_IN_A_ROW = 4
MOST_DOUBLINGS = 6
VANISHED_TRIES = 5
T = TypeVar("T")
Stamp = tuple[int, ...]


def settled(read: Callable[[], T]) -> T:
    """Return what reads files, done again if one of them was there for a moment only.

    Editors write to a draft beside a file, and then give it the file's name.

    Raises:
        FileNotFoundError: One is gone again and again.
    """
    for _ in range(VANISHED_TRIES):
        with suppress(FileNotFoundError):
            return read()
        time.sleep(PAUSE_S)
    return read()


class Watch:
    """Compares the files that travel with those of the last look.

    Between changes each look asks for the state of the known files and folders alone; the folder is
    gone through, with its ignore files, only if one of them is another. A file that this process
    prints to is none of them: each deployment would be the reason of the next one.

    Args:
        folder: The folder.
        others: Files that count as well, whether or not they travel or exist.
    """

    def __init__(self, folder: Path, others: Iterable[Path] = ()) -> None:
        self._folder = folder.resolve()
        self._others = list(others)
        self._files: dict[str, Stamp] = {}
        self._watched: dict[Path, Stamp] = {}
        self._fault: str | None = None
        self._look()

    @property
    def count(self) -> int:
        """How many files are watched."""
        return len(self._files)

    def changes(self) -> list[str]:
        """Return the names of files that were changed, added or removed since the last time.

        While files go on changing this waits, for :data:`MOST_UNREST_S` at most. What makes the
        folder unusable, such as a link that leads nowhere, is a change in itself.
        """
        if not self._is_restless():
            return []
        before, fault = self._files, self._fault
        self._look_until_quiet()
        if self._fault is not None:
            return [] if self._fault == fault else [self._fault]
        names = before.keys() | self._files.keys()
        changed = sorted(name for name in names if before.get(name) != self._files.get(name))
        return changed or ([] if fault is None else ["."])

    def _look_until_quiet(self) -> None:
        deadline = time.monotonic() + MOST_UNREST_S
        while time.monotonic() < deadline:
            self._look()
            if self._fault is not None:
                return
            time.sleep(QUIET_S)
            if not self._is_restless():
                return

    def _is_restless(self) -> bool:
        return self._fault is not None or any(
            _stamp(path) != stamp for path, stamp in self._watched.items()
        )

    def _look(self) -> None:
        try:
            selection = settled(lambda: select(self._folder, ["/"]))
        except HeadraceError as error:
            self._fault = error.message
            return
        self._fault = None
        folders = [self._folder, *(self._folder / name for name in selection.folders)]
        files = {
            name: path
            for name, path in selection.files.items()
            if not any(_is_same_file(path, own) for own in PRINTED_TO)
        }
        files |= {path.name: path for path in self._others}
        self._watched = {path: _stamp(path) for path in (*folders, *files.values())}
        self._files = {name: self._watched[path] for name, path in files.items()}


class Pace:
    """How long to wait for the next look: longer, if the same files change again and again."""

    def __init__(self) -> None:
        self._last: frozenset[str] = frozenset()
        self._in_a_row = 0

    def note(self, changed: Iterable[str]) -> None:
        """Take note of what a look found."""
        names = frozenset(changed)
        self._in_a_row = self._in_a_row + 1 if names & self._last else 0
        self._last = names

    @property
    def is_restless(self) -> bool:
        """Whether files have just been found to change again and again."""
        return self._in_a_row == FREE_IN_A_ROW

    @property
    def pause_s(self) -> float:
        """Seconds until the next look."""
        beyond = min(max(0, self._in_a_row - FREE_IN_A_ROW), MOST_DOUBLINGS)
        return float(PAUSE_S * 2**beyond)


def _is_same_file(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except OSError:
        return False


def _stamp(path: Path) -> Stamp:
    """Return what is another once a file was written or a folder got or lost an entry."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a third of the time that Path.stat takes
    except OSError:
        return ()
    if stat.S_ISDIR(found.st_mode):
        return (found.st_mtime_ns, found.st_ino)
    return (found.st_mtime_ns, found.st_size, found.st_ino)
