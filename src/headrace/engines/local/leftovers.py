"""Processes that outlived their template or their server, found by their environment's marks."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Collection
from pathlib import Path

from headrace.engines.local.environ import ENGINE_MARK, TEMPLATE_MARK

PATIENCE_S = 5.0
PAUSE_S = 0.005


def kill_marked(engine_id: str) -> int:
    """Kill all processes that bear the mark of an engine; return how many there were."""
    return _kill(f"{ENGINE_MARK}={engine_id}", ())


def kill_orphans(template_id: str, workspaces: Collection[Path]) -> int:
    """Kill what is left of a template that is gone, and whatever runs in these workspaces."""
    return _kill(f"{TEMPLATE_MARK}={template_id}", workspaces)


def _kill(mark: str, folders: Collection[Path]) -> int:
    killed: set[int] = set()
    deadline = time.monotonic() + PATIENCE_S
    # Again until none is seen, because they may fork while they are being killed.
    while (found := _find(mark.encode(), [str(folder) for folder in folders])) and (
        time.monotonic() < deadline
    ):
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        killed |= found
        time.sleep(PAUSE_S)
    return len(killed)


def _find(mark: bytes, folders: Collection[str]) -> set[int]:
    pids = {int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()}
    pids.discard(os.getpid())
    return {pid for pid in pids if _has_mark(pid, mark) or _works_in(pid, folders)}


def _has_mark(pid: int, mark: bytes) -> bool:
    try:
        return mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _works_in(pid: int, folders: Collection[str]) -> bool:
    if not folders:
        return False
    try:
        folder = str(Path(f"/proc/{pid}/cwd").readlink())
    except OSError:
        return False
    return any(folder == known or folder.startswith(f"{known}/") for known in folders)
