"""The processes that work for a server, found in ``/proc`` without asking it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

PAUSE_S = 0.02


@dataclass(frozen=True, slots=True)
class Found:
    """A process that works for a server."""

    pid: int
    parent: int
    command: str


def processes_of(data_dir: Path, server: int | None = None) -> list[Found]:
    """Return the processes that a server on this data directory started, in any generation.

    They work in the directory, were started from it, or were told of it; all that code of a user
    starts inherits that. The server itself, and what is dead already, is left out.
    """
    root = os.fsencode(data_dir)
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) in {os.getpid(), server}:
            continue
        process = _look_at(entry, root)
        if process is not None:
            found.append(process)
    return found


def await_none(data_dir: Path, timeout_s: float) -> list[Found]:
    """Wait until there are no such processes; return those that are left after ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    while found := processes_of(data_dir):
        if time.monotonic() > deadline:
            break
        time.sleep(PAUSE_S)
    return found


def _look_at(entry: Path, root: bytes) -> Found | None:
    try:
        command = (entry / "cmdline").read_bytes()
        words = [command, (entry / "environ").read_bytes(), bytes((entry / "cwd").readlink())]
        # After the name, which may hold anything, in parentheses: state, then parent.
        state, parent = (entry / "stat").read_bytes().rpartition(b")")[2].split()[:2]
    except OSError:
        return None
    if state in {b"Z", b"X"} or not any(root in word for word in words):
        return None
    text = command.replace(b"\0", b" ").decode(errors="replace").strip()
    return Found(int(entry.name), int(parent), text)
