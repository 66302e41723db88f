"""The folder of environments: which are ready, when they were last asked for, which can go.

Below the root, for each digest: ``<digest>/`` is the environment and ``<digest>.lock`` the lock of
whoever builds, compiles or removes it. An environment is ready when its mark is there, which is
written last; anything without a mark is the leftover of a build that did not end.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Collection
from pathlib import Path

from headrace.core.clock import now, now_s
from headrace.core.environments import Environment
from headrace.core.names import new_id
from headrace.environments.interpreters import Interpreter
from headrace.environments.locks import try_lock
from headrace.environments.stamps import stamp_of

_READY_MARK = "headrace-ready.json"
_COMPILED_MARK = "headrace-compiled"
_STAMP = "headrace-stamp"
_HIDDEN = "."
"""Begins the names of folders that are no environments."""

_TRASH = f"{_HIDDEN}trash-"
_TOUCH_EVERY_S = 60.0


class EnvironmentCache:
    """All environments below one folder; several processes may share it."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()
        self._root.mkdir(parents=True, exist_ok=True)
        # uv takes its settings from the nearest such file, here or above.
        (self._root / "uv.toml").touch()

    @property
    def root(self) -> Path:
        """The folder that holds everything."""
        return self._root

    @property
    def own_cache(self) -> Path:
        """Where the installer may keep a cache if there is no better place."""
        return self._root / f"{_HIDDEN}uv-cache"

    def folder(self, digest: str) -> Path:
        """Return the folder of the environment of this digest, which may not be there yet."""
        return self._root / digest

    def lock_file(self, digest: str) -> Path:
        """Return the file to lock before writing into, or removing, this environment."""
        return self._root / f"{digest}.lock"

    def find(self, digest: str) -> Environment | None:
        """Return the environment if it is ready and its interpreter is still there.

        It counts as asked for now, to the minute.
        """
        folder = self.folder(digest)
        mark = folder / _READY_MARK
        try:
            last_used = mark.stat().st_mtime
            python = interpreter_in(folder)
            python.stat()  # follows the link to the interpreter it was made from
            if now_s() - last_used > _TOUCH_EVERY_S:
                os.utime(mark)
        except OSError:
            return None
        return Environment(digest, python)

    def mark_ready(self, digest: str, interpreter: Interpreter) -> None:
        """Publish the environment. Requirements are not recorded: they may hold secrets."""
        folder = self.folder(digest)
        (folder / _STAMP).write_text(stamp_of(folder))
        facts = {
            "python": ".".join(map(str, interpreter.version[:3])),
            "interpreter": str(interpreter.path),
            "created_at": now().isoformat(),
            "packages": _installed_packages(folder),
        }
        unpublished = folder / f"{_READY_MARK}.new"
        unpublished.write_text(json.dumps(facts, indent=1) + "\n")
        unpublished.replace(folder / _READY_MARK)

    def is_unchanged(self, digest: str) -> bool:
        """Check whether the files of a ready environment are those that were installed.

        One that an earlier version built, which kept no stamp, is taken for it as it is now.
        """
        folder = self.folder(digest)
        try:
            if not (folder / _STAMP).exists():
                (folder / _STAMP).write_text(stamp_of(folder))
            return (folder / _STAMP).read_text() == stamp_of(folder)
        except (OSError, ValueError):
            return False

    def mark_compiled(self, digest: str) -> None:
        """Record that all bytecode of the environment has been written."""
        (self.folder(digest) / _COMPILED_MARK).touch()

    def needs_compiling(self, digest: str) -> bool:
        """Return whether the environment is ready but its bytecode is not all written."""
        folder = self.folder(digest)
        return (folder / _READY_MARK).exists() and not (folder / _COMPILED_MARK).exists()

    def not_compiled(self) -> list[str]:
        """Return the digests of all environments that need compiling."""
        digests = sorted(mark.parent.name for mark in self._root.glob(f"*/{_READY_MARK}"))
        return [digest for digest in digests if self.needs_compiling(digest)]

    def set_aside(self, digest: str) -> Path | None:
        """Take an environment, or what is left of one, out of the way, at once.

        The caller holds its lock, and deletes the path that is returned; None if there was nothing.
        """
        folder = self.folder(digest)
        return self._to_trash(folder) if folder.exists() else None

    def discard_unused(self, keep: Collection[str], unused_for_s: float) -> list[str]:
        """Remove what nobody asked for in this time and is not in ``keep``; return the digests.

        Leftovers of builds and removals that did not end go as well. What somebody is building or
        compiling stays.
        """
        for trash in self._root.glob(f"{_TRASH}*"):
            shutil.rmtree(trash, ignore_errors=True)
        discarded = []
        for folder in sorted(self._root.iterdir()):
            if not folder.is_dir() or folder.name.startswith(_HIDDEN) or folder.name in keep:
                continue
            with try_lock(self.lock_file(folder.name)) as lock:
                if lock is not None and self._discard(folder, now_s() - unused_for_s):
                    discarded.append(folder.name)
                    self.lock_file(folder.name).unlink(missing_ok=True)
        return discarded

    def _discard(self, folder: Path, used_before: float) -> bool:
        if _last_used(folder) > used_before:
            return False
        trash = self._to_trash(folder)
        if _last_used(trash) > used_before:  # somebody asked for it in that very moment
            trash.rename(folder)
            return False
        shutil.rmtree(trash)
        return True

    def _to_trash(self, folder: Path) -> Path:
        """Take it away in one step, so that nobody ever sees half of it."""
        trash = self._root / f"{_TRASH}{new_id()}"
        folder.rename(trash)
        return trash


def interpreter_in(folder: Path) -> Path:
    """Return the interpreter of the environment in this folder."""
    return folder / "bin" / "python"


def _last_used(folder: Path) -> float:
    """Return the time of the last use, or of the last change if it never was ready."""
    mark = folder / _READY_MARK
    try:
        return mark.stat().st_mtime
    except FileNotFoundError:
        return folder.stat().st_mtime


def _installed_packages(folder: Path) -> list[str]:
    """Return ``name==version`` of each package, from the names of their metadata folders."""
    metadata = folder.glob("lib/python3*/site-packages/*.dist-info")
    return sorted(info.name.removesuffix(".dist-info").replace("-", "==", 1) for info in metadata)
