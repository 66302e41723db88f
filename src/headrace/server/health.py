"""The checks of a server's health, part by part."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from headrace.control.standby import Standby
from headrace.core.clock import now
from headrace.core.clock_trust import ClockTrust
from headrace.core.errors import Unavailable
from headrace.keeping.clock_watch import ClockWatch
from headrace.server.executing import Executing
from headrace.server.loops import Loops
from headrace.server.places import Places
from headrace.signals.loop import Loop
from headrace.store.settings import HEALTH_ASKED_AT, read_setting, write_setting
from headrace.web.health_checks import Finding, HealthChecks, Probe, descriptors_are_left

SILENT_S = 60.0
"""A loop that has not come round for longer is out of order; each looks every ten seconds."""

LOW_BYTES = 100_000_000
LOW_PART = 20
"""A disk is full with less room than so many bytes, or than this part of a small one."""


def health_checks(
    root: Path,
    places: Places,
    executing: Executing,
    loops: Loops,
    clock: ClockWatch,
    standby: Standby,
) -> HealthChecks:
    """Return the checks that do what calls do, and those of what goes on in the background."""
    database = places.database

    async def is_written_and_read() -> Finding:
        # Anybody may ask, as often as once a second: open pages are not to be told each time.
        await database.write_unseen(write_setting, HEALTH_ASKED_AT, now().isoformat())
        await database.read(read_setting, HEALTH_ASKED_AT)
        return Finding("written, synced and read")

    async def calls_are_recorded() -> Finding:
        return Finding(await executing.warm_calls.recorded())

    async def files_are_written() -> Finding:
        return Finding(await places.data_store.check())

    async def builds_can_begin() -> Finding:
        await asyncio.to_thread(places.builder.check)
        return _alive(loops.builds)

    fronts = places.fronts
    parts: dict[str, Probe] = (
        {"copies": _said_by(lambda: copies_go_on(*loops.copies))} if loops.copies else {}
    )
    if fronts.seats:
        parts["processes"] = _said_by(lambda: Finding(fronts.described()))
    return HealthChecks(
        {
            "environment": _said_by(lambda: Finding(standby.standing.status.value)),
            "database": is_written_and_read,
            "disk": lambda: asyncio.to_thread(room_left, root),
            "data_store": files_are_written,
            "calls": calls_are_recorded,
            "descriptors": descriptors_are_left,
            "clock": _said_by(lambda: _clock(clock)),
            "scheduler": _said_by(lambda: _alive(loops.scheduler)),
            "worker": _said_by(lambda: _alive(executing.worker.loop)),
            "pods": _said_by(lambda: _alive(executing.sets.loop, executing.dispatcher.loop)),
            "builder": builds_can_begin,
            **parts,
        }
    )


def room_left(root: Path) -> Finding:
    """Check that the disk of a folder has room.

    Raises:
        Unavailable: It is full, or nearly.
    """
    disk = os.statvfs(root)
    free, total = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    detail = f"{free / 1e9:.1f} of {total / 1e9:.1f} GB are free"
    if free < min(LOW_BYTES, total / LOW_PART):
        raise Unavailable("The disk is nearly full: make room.", details={"detail": detail})
    # Disks without a number of files say that they have none.
    if disk.f_files and not disk.f_favail:
        raise Unavailable("The disk has no room for more files.", details={"detail": detail})
    return Finding("there is room", detail)


def copies_go_on(*loops: Loop) -> Finding:
    """Check that what belongs into the bucket gets there.

    Raises:
        Unavailable: It has not for a while, and waits on this machine.
    """
    late_s = max(loop.late_s for loop in loops)
    if late_s > SILENT_S:
        raise Unavailable(
            f"For {late_s:.0f} seconds, logs of what ended or folders of pipelines wait on this "
            "machine for the bucket: see the log."
        )
    return Finding("logs and folders of pipelines get into the bucket")


def _alive(*loops: Loop) -> Finding:
    """Check that loops go on.

    Raises:
        Unavailable: One does not.
    """
    silent_s = max(loop.silent_s for loop in loops)
    if silent_s > SILENT_S:
        raise Unavailable(f"It has not come round for {silent_s:.0f} seconds: see the log.")
    return Finding("at work", f"came round {silent_s:.1f} s ago")


def _clock(clock: ClockWatch) -> Finding:
    """Return the judgement of the clock; a wrong one is no reason to send no calls."""
    detail = "" if clock.believed_at is None else f"believed last {clock.believed_at:%F %T} UTC"
    if clock.state is ClockTrust.TRUSTED:
        return Finding("as it should be", detail)
    return Finding(f"{clock.state.value}: nothing is deleted for its age", detail)


def _said_by(look: Callable[[], Finding]) -> Probe:
    async def probe() -> Finding:
        return look()

    return probe
