"""What the kernel has counted for a process: processor time, memory, disk."""

from __future__ import annotations

from typing import Any, Optional

from headrace_harness.stdlib import resource

_BLOCK = 512
_MOST_DIGITS = 18

Used = list[int]
"""Microseconds of processor time, highest resident bytes, bytes read and written on disks."""


def own() -> bytes:
    """Return what this process and those that it has waited for have used, as a text."""
    mine = counted(resource.getrusage(resource.RUSAGE_SELF))
    theirs = counted(resource.getrusage(resource.RUSAGE_CHILDREN))
    return b"%d %d %d %d" % (
        mine[0] + theirs[0],
        max(mine[1], theirs[1]),
        mine[2] + theirs[2],
        mine[3] + theirs[3],
    )


def counted(usage: Any) -> Used:
    """Return what a ``struct_rusage`` says."""
    return [
        int((usage.ru_utime + usage.ru_stime) * 1_000_000),
        usage.ru_maxrss * 1024,
        usage.ru_inblock * _BLOCK,
        usage.ru_oublock * _BLOCK,
    ]


def read(text: bytes) -> Optional[Used]:
    """Return what :func:`own` said; None if it is something else, as user code may have sent it."""
    words = text.split(b" ")
    if len(words) != 4 or not all(word.isdigit() and len(word) <= _MOST_DIGITS for word in words):
        return None
    return [int(word) for word in words]
