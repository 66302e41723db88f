"""A small file system of its own, which may be filled."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

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

    def _fill(self) -> None:
        descriptor = os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            for size in (BLOCK, 4096):
                while _is_written(descriptor, bytes(size)):
                    pass
        finally:
            os.close(descriptor)


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk | None]:
    """Mount a small file system; None if this user may not."""
    folder.mkdir(parents=True)
    size = f"size={SIZE_MIB}m,mode=0700"
    mount = ["mount", "-t", "tmpfs", "-o", size, "headrace-chaos", str(folder)]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _is_written(descriptor: int, data: bytes) -> bool:
    try:
        return os.write(descriptor, data) == len(data)
    except OSError:
        return False
