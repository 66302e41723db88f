"""What this process may use of its machine: processors and memory, by its control groups."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

_UNLIMITED = 1 << 60
"""The first version of control groups says no limit by a number as large as this, or larger."""


@dataclass(frozen=True, slots=True)
class Allotment:
    """What a process may use.

    Attributes:
        processors: How many processors' time it gets, at least one.
        memory_bytes: How much memory it gets, together with the others of its control group.
        is_limited: Whether a control group leaves it less memory than the machine has.
    """

    processors: int
    memory_bytes: int
    is_limited: bool


def allotment(proc: Path = Path("/proc/self")) -> Allotment:
    """Return what this process may use.

    Args:
        proc: Where the kernel describes the process.
    """
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    memory = min([machine, *_memory_limits(proc)])
    given = float(len(os.sched_getaffinity(0)))
    processors = min([given, *_processor_limits(proc)])
    return Allotment(max(1, math.ceil(processors)), memory, memory < machine)


def _memory_limits(proc: Path) -> Iterator[int]:
    for folder in _groups(proc, "memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            for number in _numbers(folder / name)[:1]:
                if number < _UNLIMITED:
                    yield number


def _processor_limits(proc: Path) -> Iterator[float]:
    for folder in _groups(proc, "cpu"):
        quota = _numbers(folder / "cpu.max") or [
            *_numbers(folder / "cpu.cfs_quota_us"),
            *_numbers(folder / "cpu.cfs_period_us"),
        ]
        # Without a limit there is a word or a negative number in the place of the quota.
        if len(quota) == 2 and min(quota) > 0:
            yield quota[0] / quota[1]


def _groups(proc: Path, controller: str) -> Iterator[Path]:
    """Return the folders of the control groups that a process is in: its own and those above."""
    for mount, root, kind, controllers in _mounts(proc):
        if kind != "cgroup2" and controller not in controllers:
            continue
        own = _own_path(proc, controller if kind == "cgroup" else "")
        # A container may see its own group as the root of the mount, under whatever name.
        below = own.relative_to(root) if own is not None and own.is_relative_to(root) else None
        folder = mount / below if below is not None else mount
        yield from (group for group in (folder, *folder.parents) if group.is_relative_to(mount))


def _mounts(proc: Path) -> Iterator[tuple[Path, PurePosixPath, str, set[str]]]:
    for line in _lines(proc / "mountinfo"):
        # After the mount point come options, a dash, the type, the device and options of the type.
        before, _, after = line.partition(" - ")
        kind, *_, options = after.split(" ") if after else ("", "")
        if kind in {"cgroup", "cgroup2"}:
            fields = before.split(" ")
            yield Path(fields[4]), PurePosixPath(fields[3]), kind, set(options.split(","))


def _own_path(proc: Path, controller: str) -> PurePosixPath | None:
    """Return the path of a process's group; of the second version for no controller."""
    for line in _lines(proc / "cgroup"):
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(",") and ".." not in path:
            return PurePosixPath(path)
    return None


def _numbers(file: Path) -> list[int]:
    """Return the numbers in a file up to the first word; none if it cannot be read."""
    numbers: list[int] = []
    for text in " ".join(_lines(file)).split():
        try:
            numbers.append(int(text))
        except ValueError:
            break
    return numbers


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text().splitlines()
    except OSError:
        return []
