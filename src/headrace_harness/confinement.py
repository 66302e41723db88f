"""What user code may write: never what other runs read.

A template, or a pod, enters its confinement before it imports user code; all that it starts
inherits it. Each call then parts from its template: what it writes stays its own.

There are three kinds, and the best that the kernel allows is used:

- ``mounts``: closed folders are mounted read-only, and a call sees its own workspace in the place
  of the template's folder. So paths that the import computed lead to the call's own copies.
- ``landlock``: closed folders, and the template's own in its calls, cannot be written to.
- ``none``: nothing is enforced.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from headrace_harness import kernel
from headrace_harness.stdlib import contextlib, os

MOUNTS = "mounts"
LANDLOCK = "landlock"
NONE = "none"


class Bounds:
    """Which folders user code may not write to.

    Attributes:
        closed: Folders that it only reads, with all that they hold.
        opened: Folders within these that the harness writes to: closed to calls, open to pods.
        own: The folder of the template or pod.
    """

    def __init__(self, closed: Sequence[str], opened: Sequence[str], own: str) -> None:
        self.closed = tuple(closed)
        self.opened = tuple(opened)
        self.own = own

    @classmethod
    def read(cls, message: Mapping[str, Any]) -> Bounds:
        """Return the bounds that the engine sent with the setup."""
        return cls(message["closed"], message["open"], message["own"])


class Confinement:
    """No confinement, and the base of the kinds that are some.

    Attributes:
        kind: ``mounts``, ``landlock`` or ``none``.
        bounds: What the engine asked for.
    """

    kind = NONE

    def __init__(self, bounds: Bounds) -> None:
        self.bounds = bounds
        self._closed: tuple[str, ...] = ()
        self._writable = tuple(map(os.path.realpath, (*bounds.opened, bounds.own)))

    def part(self) -> None:
        """Prepare for a call in a process forked for it, before the call is known."""

    def move_in(self, workspace: str) -> str:
        """Leave a call nothing to write to but its workspace; return where that is from now on.

        Raises:
            OSError: The kernel refuses.
        """
        return workspace

    def forbids(self, path: str) -> bool:
        """Check whether a path, without links in it, leads to what this process cannot write to."""
        return any(_is_in(path, folder) for folder in self._closed) and not any(
            _is_in(path, folder) for folder in self._writable
        )

    def seal(self) -> None:
        """Keep this process, and all that it starts, from undoing the confinement."""


def enter(bounds: Bounds) -> Confinement:
    """Confine this process, which has one thread, as far as the kernel allows."""
    for kind in (_Mounts, _Landlock):
        try:
            return kind(bounds)
        except OSError:
            continue
    return Confinement(bounds)


class _Mounts(Confinement):
    """Mounts that this process and those that it starts see."""

    kind = MOUNTS

    def __init__(self, bounds: Bounds) -> None:
        super().__init__(bounds)
        self._version = kernel.landlock_version()
        self._seal: int | None = None
        _own_mounts()
        kernel.receive_mounts_only()
        for folder in (*bounds.opened, bounds.own):
            kernel.bind(folder, folder)
        for folder in bounds.closed:
            kernel.bind(folder, folder, with_mounts=True)
            kernel.set_read_only(folder, True, with_mounts=True)
        for folder in (*bounds.opened, bounds.own):
            kernel.set_read_only(folder, False)
        self._closed = tuple(map(os.path.realpath, bounds.closed))
        if os.geteuid() != 0:
            # What comes from the namespace of another user namespace cannot be undone in this one.
            _own_mounts()

    def part(self) -> None:
        kernel.unshare(kernel.NEW_MOUNTS)
        self._prepare_seal()

    def move_in(self, workspace: str) -> str:
        kernel.bind(workspace, self.bounds.own)
        for folder in self.bounds.opened:
            kernel.set_read_only(folder, True)
        # The last one is the template's own folder, in whose place the workspace is now.
        self._writable = self._writable[-1:]
        self.seal()
        return self.bounds.own

    def seal(self) -> None:
        # A Landlock domain that allows all writing still forbids every change of mounts, and to
        # reach through /proc into processes outside of it.
        if self._seal is None:
            self._prepare_seal()
        if self._seal is not None:
            kernel.landlock_restrict(self._seal)
            os.close(self._seal)
            self._seal = None

    def _prepare_seal(self) -> None:
        version = self._version
        if version >= _FIRST_USABLE:
            self._seal = _ruleset(version, {"/": _rights(version)})


def _own_mounts() -> None:
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        kernel.unshare(kernel.NEW_MOUNTS)
    else:
        kernel.unshare(kernel.NEW_USERS | kernel.NEW_MOUNTS)
        kernel.stay_visible()
        kernel.map_own_ids(uid, gid)


class _Landlock(Confinement):
    """Rules on paths, for kernels or containers where no mounts can be made."""

    kind = LANDLOCK

    def __init__(self, bounds: Bounds) -> None:
        super().__init__(bounds)
        self._version = kernel.landlock_version()
        if self._version < _FIRST_USABLE or self._would_cost_much():
            raise OSError("Landlock cannot be used here")
        self._close(bounds.closed, (*bounds.opened, bounds.own))

    def move_in(self, workspace: str) -> str:
        bounds = self.bounds
        self._close((*bounds.closed, *bounds.opened, bounds.own), (workspace,))
        return workspace

    def _close(self, closed: Sequence[str], writable: Sequence[str]) -> None:
        if not closed:
            return
        self._closed = tuple(map(os.path.realpath, closed))
        self._writable = tuple(map(os.path.realpath, writable))
        rights = _rights(self._version)
        allowed = dict.fromkeys(beside(self._closed), rights)
        allowed.update(dict.fromkeys(self._writable, rights))
        ruleset = _ruleset(self._version, allowed)
        kernel.landlock_restrict(ruleset)
        os.close(ruleset)

    def _would_cost_much(self) -> bool:
        """Check whether one could make nothing new in the home folder or beside temporary files.

        Rules allow a folder with all beneath it, so nothing new can be made directly in a folder
        on the way to a closed one.
        """
        frozen = {os.path.realpath(up) for path in self.bounds.closed for up in ancestors(path)}
        needed = (os.path.expanduser("~"), os.environ.get("TMPDIR", "/tmp"))  # noqa: S108 - asked
        return any(os.path.realpath(path) in frozen for path in needed)


def ancestors(path: str) -> list[str]:
    """Return the folders that lead to a path, the root first, without the path itself."""
    found = []
    while path != os.path.dirname(path):
        path = os.path.dirname(path)
        found.append(path)
    return found[::-1]


def beside(closed: Iterable[str]) -> list[str]:
    """Return the paths beside closed ones, without links in them, and those that lead to them."""
    shut = set(closed)
    leading = {up for path in shut for up in ancestors(path)}
    found: list[str] = []
    for folder in sorted(leading - {up for up in leading if shut & {up, *ancestors(up)}}):
        with os.scandir(folder) as entries:
            found.extend(
                entry.path
                for entry in entries
                if not entry.is_symlink() and entry.path not in shut and entry.path not in leading
            )
    return found


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + os.sep)


_FIRST_USABLE = 2  # The first version forbids every move between folders.
_WRITE_FILE = 1 << 1
_REFER = 1 << 13
_TRUNCATE = 1 << 14
# Removing and making files, folders, links, sockets, pipes and devices.
_CHANGE_FOLDER = sum(1 << bit for bit in range(4, 13))
_OF_FILES = _WRITE_FILE | _TRUNCATE


def _rights(version: int) -> int:
    return _WRITE_FILE | _CHANGE_FOLDER | _REFER | (_TRUNCATE if version >= 3 else 0)


def _ruleset(version: int, allowed: Mapping[str, int]) -> int:
    """Return the descriptor of a ruleset that allows these rights on paths, and nothing else."""
    ruleset = kernel.landlock_ruleset(_rights(version))
    for path, rights in allowed.items():
        # What went while this was prepared needs no rule.
        with contextlib.suppress(FileNotFoundError):
            of_path = rights if os.path.isdir(path) else rights & _OF_FILES
            kernel.landlock_allow(ruleset, of_path, path)
    return ruleset
