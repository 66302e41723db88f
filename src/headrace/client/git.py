"""The commit of git that a folder is, if it is a clean checkout of one."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

PATIENCE_S = 10.0
"""Seconds that git may take; without its answer a version has no commit."""


class Commit(NamedTuple):
    """A commit.

    Attributes:
        id: Its whole id, in hex.
        subject: The first line of its message.
    """

    id: str
    subject: str


def commit_of(folder: Path) -> Commit | None:
    """Return the commit whose content a folder has; None if it has any other, or no git."""
    place = folder.absolute()
    if not any((parent / ".git").exists() for parent in (place, *place.parents)):
        return None
    # What changed is compared with the whole commit first: it is the answer in nearly all cases.
    changes = _git(folder, "status", "--porcelain", "--untracked-files=normal", "--", ".")
    if changes is None or changes.strip():
        return None
    said = _git(folder, "log", "-1", "--no-show-signature", "--format=%H%n%s")
    if not said:
        return None
    commit_id, _, subject = said.partition("\n")
    return Commit(commit_id.strip(), subject.strip())


def _git(folder: Path, *words: str) -> str | None:
    # No hook of the repository is run, and nothing is written to it.
    command = ["git", "-C", str(folder), "-c", "core.fsmonitor=false", *words]
    environ = os.environ | {"GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=PATIENCE_S, env=environ, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.decode(errors="replace") if done.returncode == 0 else None
