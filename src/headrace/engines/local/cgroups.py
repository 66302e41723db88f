"""Control groups: the kernel's own list of what a process has started, whatever that has become.

A process that starts in a group stays in it with all its descendants: neither a session nor an
environment of its own leads out. Not every user may make groups.
"""

from __future__ import annotations

import contextlib
import os
import time
from pathlib import Path

_PREFIX = "headrace"
_PATIENCE_S = 5.0
_PAUSE_S = 0.002


class ControlGroup:
    """A group of processes that end together."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def make(cls, engine_id: str, name: str) -> ControlGroup | None:
        """Return a new group below that of this process, or None if it may not make any."""
        home = _own_group()
        if home is None:
            return None
        folder = home / f"{_PREFIX}-{engine_id}-{name}"
        try:
            folder.mkdir()
        except OSError:
            return None
        # Before Linux 5.14 a group cannot be killed as a whole.
        if not (folder / "cgroup.kill").exists():
            _remove(folder)
            return None
        return cls(folder)

    def add(self, pid: int) -> bool:
        """Put a process into the group; return False, and remove it, if that is not allowed."""
        try:
            (self._folder / "cgroup.procs").write_text(str(pid))
        except OSError:
            _remove(self._folder)
            return False
        return True

    def kill(self) -> int:
        """Kill all that is in it and remove it; return how many processes there were.

        Blocks until they are gone, at most a few seconds.
        """
        deadline = time.monotonic() + _PATIENCE_S
        count = len(_pids_in(self._folder))
        with contextlib.suppress(OSError):
            (self._folder / "cgroup.kill").write_text("1")
        while not _remove(self._folder) and time.monotonic() < deadline:
            time.sleep(_PAUSE_S)
        return count


def kill_groups(engine_id: str) -> int:
    """Kill all groups that an engine of this id ever made; return how many processes there were."""
    mount = _mount()
    if mount is None:
        return 0
    prefix = f"{_PREFIX}-{engine_id}-"
    found = [
        Path(folder, name)
        for folder, names, _ in os.walk(mount)
        for name in names
        if name.startswith(prefix)
    ]
    return sum(ControlGroup(folder).kill() for folder in found)


def _own_group() -> Path | None:
    mount = _mount()
    if mount is None:
        return None
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("0::/") and ".." not in line:
            return mount / line.removeprefix("0::/")
    return None


def _mount() -> Path | None:
    """Return the mount of the second version of control groups."""
    try:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        # After the mount point come options, a dash, and the type.
        before, _, after = line.partition(" - ")
        if after.split(" ", 1)[0] == "cgroup2":
            return Path(before.split(" ")[4])
    return None


def _pids_in(folder: Path) -> list[str]:
    try:
        return (folder / "cgroup.procs").read_text().split()
    except OSError:
        return []


def _remove(folder: Path) -> bool:
    """Remove a group; return False if something is left in it."""
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
