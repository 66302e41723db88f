"""What a server needs of its machine: a local disk that keeps what it says, and a sane clock."""

from __future__ import annotations

import os
import statistics
import time
import zoneinfo
from dataclasses import dataclass
from pathlib import Path

from headrace.core.clock import now, now_s

SYNCS = 20
BLOCK = 4096
TOO_FAST_S = 0.00005
"""A sync that returns within this has reached no disk."""

NETWORK = frozenset({"nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "glusterfs", "lustre", "afs"})
MEMORY = frozenset({"tmpfs", "ramfs"})

EARLIEST_YEAR = 2024
STEP_S = 0.5
"""How far the clock may move against the one that nobody sets, while the test runs."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found out about the machine.

    Attributes:
        text: What it is, for a person.
        is_good: Whether a server can rely on it.
        is_fatal: Whether nothing that a server promises holds without it.
    """

    text: str
    is_good: bool = True
    is_fatal: bool = False


def look_at_disk(folder: Path) -> Finding:
    """Find out whether syncs of this folder's disk reach one, and how long they take."""
    kind = file_system(folder)
    if kind in NETWORK:
        return Finding(
            f"{folder} is on a network file system ({kind}), whose locks do not hold: put the data "
            "directory on a local disk.",
            is_good=False,
            is_fatal=True,
        )
    seconds = _sync_s(folder)
    took = f"a sync takes {seconds * 1000:.2f} ms"
    if kind in MEMORY:
        return Finding(
            f"{folder} is in memory ({kind}): it survives a crash of the server, not one of the "
            "machine.",
            is_good=False,
        )
    if seconds < TOO_FAST_S:
        return Finding(
            f"{took} on {folder} ({kind}), less than any disk needs: after a power cut the last "
            "moments may be missing.",
            is_good=False,
        )
    return Finding(f"{took} on {folder} ({kind}).")


def file_system(folder: Path) -> str:
    """Return the kind of the file system that a folder is on."""
    path = folder.resolve()
    best, kind = "", "unknown"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        place = before.split()[4].encode().decode("unicode_escape")
        if path.is_relative_to(place) and len(place) >= len(best):
            best, kind = place, after.split()[0]
    return kind


class ClockWatch:
    """Compares the clock of the machine with one that nobody sets, from now on."""

    def __init__(self) -> None:
        self._wall = now_s()
        self._steady = time.monotonic()

    def finding(self) -> Finding:
        """Return the finding about the clock since then."""
        moved = (now_s() - self._wall) - (time.monotonic() - self._steady)
        if now().year < EARLIEST_YEAR:
            return Finding("the clock of this machine is years behind: set it.", is_good=False)
        if abs(moved) > STEP_S:
            return Finding(
                f"the clock was set {moved:+.1f} s while the test ran: schedules follow the clock, "
                "so let it be kept by NTP.",
                is_good=False,
            )
        zones = len(zoneinfo.available_timezones())
        if not zones:
            return Finding("there is no time zone data: install tzdata.", is_good=False)
        return Finding(f"the clock keeps its pace, and {zones} time zones are known.")


def _sync_s(folder: Path) -> float:
    """Return how long a write and a sync take, in the middle of some."""
    file = folder / "sync-test"
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    took = []
    try:
        for _ in range(SYNCS):
            begin = time.perf_counter()
            os.write(descriptor, bytes(BLOCK))
            os.fsync(descriptor)
            took.append(time.perf_counter() - begin)
    finally:
        os.close(descriptor)
        file.unlink()
    return statistics.median(took)
