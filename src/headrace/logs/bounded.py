"""Copies of logs: how many are kept, and how a copy and later lines become one file."""

from __future__ import annotations

import shutil
from pathlib import Path

from headrace.core.clock import now_s

_CHUNK = 1 << 20


def drop_oldest(folder: Path, limit_bytes: int, unread_s: float) -> int:
    """Delete the logs below a folder that were not read for longest; return how many went.

    Args:
        folder: The folder.
        limit_bytes: What they may take together.
        unread_s: One that was read in the last seconds, so many, stays: somebody may read on.
    """
    found = []
    for path in folder.glob("*/*/*.log"):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue
        found.append((status.st_atime, status.st_size, path))
    excess, dropped = sum(size for _, size, _ in found) - limit_bytes, 0
    for read_at, size, path in sorted(found):
        if excess <= 0 or read_at > now_s() - unread_s:
            break
        path.unlink(missing_ok=True)
        excess -= size
        dropped += 1
    return dropped


def join_logs(earlier: Path, log: Path) -> None:
    """Have a log hold what an earlier file of it holds, and then what it alone has.

    One that begins with the earlier file stays as it is; one that is its beginning becomes it.
    """
    if log.exists() and not _begins_with(earlier, log):
        if _begins_with(log, earlier):
            return
        with earlier.open("ab") as target, log.open("rb") as source:
            shutil.copyfileobj(source, target, _CHUNK)
    earlier.replace(log)


def _begins_with(whole: Path, begin: Path) -> bool:
    if whole.stat().st_size < begin.stat().st_size:
        return False
    with whole.open("rb") as first, begin.open("rb") as second:
        while chunk := second.read(_CHUNK):
            if first.read(len(chunk)) != chunk:
                return False
    return True
