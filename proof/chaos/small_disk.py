"""A small file system of its own, which may be filled."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_LIBC = ctypes.CDLL(None)
_MS_RDONLY = 1
_MS_REMOUNT = 32
_MNT_DETACH = 2
SIZE_MIB = 256
BLOCK = 1 << 20


@dataclass(frozen=True)
class SmallDisk:
    """A file system.

    Attributes:
        folder: Where it is mounted.
    """

    folder: Path

    @property
    def _ballast(self) -> Path:
        return self.folder / "ballast"

    @contextmanager
    def full(self) -> Iterator[None]:
        """Leave no room on it for as long as the context lasts."""
        try:
            self._fill()
            yield
        finally:
            self._ballast.unlink(missing_ok=True)

    def make_read_only(self) -> None:
        """Mount it anew, so that nothing can be written."""
        assert self.mount("", _MS_REMOUNT | _MS_RDONLY), "it can be mounted anew"  # noqa: S101

    def mount(self, options: str, flags: int = 0) -> bool:
        """Mount a tmpfs on the folder, or change it; return whether that was possible."""
        where = os.fsencode(self.folder)
        return _LIBC.mount(b"headrace-chaos", where, b"tmpfs", flags, options.encode()) == 0

    def _fill(self) -> None:
        descriptor = os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            for size in (BLOCK, 4096):
                while _is_written(descriptor, bytes(size)):
                    pass
        finally:
            os.close(descriptor)


@contextmanager
def small_disk(folder: Path, options: str = f"size={SIZE_MIB}m") -> Iterator[SmallDisk | None]:
    """Mount a small file system; None if this process may not.

    Root may, and so may ordinary users inside a user namespace that leaves them that one right
    (``scripts/run_tests.sh``). The program ``mount`` asks who the user is, so the kernel is asked.

    Args:
        folder: Where to mount it; it is made.
        options: How large it is, as options of a tmpfs.
    """
    folder.mkdir(parents=True)
    disk = SmallDisk(folder)
    if not disk.mount(f"{options},mode=0700"):
        yield None
        return
    try:
        yield disk
    finally:
        _LIBC.umount2(os.fsencode(folder), _MNT_DETACH)


def _is_written(descriptor: int, data: bytes) -> bool:
    try:
        return os.write(descriptor, data) == len(data)
    except OSError:
        return False
