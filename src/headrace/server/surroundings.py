"""What a server finds around it, for ``headrace check``: memory, disks, its user."""

from __future__ import annotations

import os
import pwd
import tempfile
from collections.abc import Iterator
from pathlib import Path

from headrace.server.allotment import Allotment, allotment

_FLEETING = {
    "overlay": "in the container itself, and goes with it: mount a volume there",
    "tmpfs": "in memory, and gone after a stop: mount a volume there",
    "ramfs": "in memory, and gone after a stop: mount a volume there",
}
"""Kinds of file systems on which nothing is kept for long."""

LEAST_MEMORY_BYTES = 512 * 2**20
"""Below it, a server with one warm pod is soon at its limit."""


def surroundings(data_dir: Path) -> list[str]:
    """Describe what this process has around it, a line for each, with advice where it is needed.

    Args:
        data_dir: The data directory, which need not exist.
    """
    return [_shown(allotment()), *_kept(data_dir), *_temporary_files(), *_user()]


def _kept(data_dir: Path) -> Iterator[str]:
    kind = file_system_of(data_dir)
    if kind in _FLEETING:
        yield f"{data_dir} is {_FLEETING[kind]}"


def file_system_of(path: Path, mounts: Path = Path("/proc/self/mountinfo")) -> str:
    """Return the kind of the file system that a path is on, such as ``ext4``; empty if unknown.

    Args:
        path: Any path; what does not exist yet would be made on the same one.
        mounts: The kernel's list of mounts.
    """
    kinds = {}
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return ""
    for line in lines:
        before, _, after = line.partition(" - ")
        # Spaces are written as octal numbers. The last mount at a place hides the others.
        place = before.split(" ")[4].encode().decode("unicode_escape")
        kinds[Path(place)] = after.split(" ")[0]
    real = path.resolve()
    return next((kinds[place] for place in (real, *real.parents) if place in kinds), "")


def _shown(has: Allotment) -> str:
    processors = "1 processor" if has.processors == 1 else f"{has.processors} processors"
    whose = "by the limit of its control group" if has.is_limited else "the machine's"
    line = f"{processors} and {has.memory_bytes / 1e9:.1f} GB of memory, {whose}"
    if has.memory_bytes >= LEAST_MEMORY_BYTES:
        return line
    return (
        f"{line}: that is little for a server and what it runs; give it at least "
        f"{LEAST_MEMORY_BYTES >> 20} MiB, or it may be killed"
    )


def _temporary_files() -> Iterator[str]:
    folder = Path(os.environ.get("TMPDIR") or "/tmp")  # noqa: S108 - looked at, not written to
    try:
        with tempfile.TemporaryFile(dir=folder):
            return
    except OSError as error:
        yield (
            f"{folder} cannot be written to ({(error.strerror or str(error)).lower()}): code that "
            "keeps temporary files there fails; mount a tmpfs there, or set TMPDIR"
        )


def _user() -> Iterator[str]:
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        if os.environ.get("USER") or os.environ.get("LOGNAME"):
            return
        yield (
            f"user {os.geteuid()} has no name on this machine: code that asks for it fails; set "
            "USER to any name"
        )
