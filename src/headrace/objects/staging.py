"""Files that are not objects yet or no longer, on the same file system as the objects.

Each store in each process has a folder of its own and a lock on it. The system releases the lock
when the process ends, however it ends: so a folder whose lock is free was left behind.
"""

from __future__ import annotations

import errno
import fcntl
import os
import uuid
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from headrace.objects.disk import write_all
from headrace.objects.local_files import check_regular, may_be_moved

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_FILE_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
_ADOPT_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK


class Staging:
    """One locked folder for files on their way in and out. All methods block."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.folder = _locked_folder(root)

    def new_file(self) -> StagedFile:
        """Return a file which is made by its first use."""
        return StagedFile(self.folder)

    def remove(self, folder: Path) -> None:
        """Remove a folder and all that is in it, out of the way at once."""
        doomed = uuid.uuid4().hex
        os.rename(folder, doomed, dst_dir_fd=self.folder)
        self.empty(doomed)

    def empty(self, name: str) -> None:
        """Remove a folder of the staging folder and all that is in it.

        Sub-folders are moved up before they are emptied, so neither the depth of the tree nor
        paths of any length matter.
        """
        doomed = [name]
        while doomed:
            inner = self._flatten(doomed[-1])
            doomed += inner
            if not inner and self._rmdir(doomed[-1]):
                doomed.pop()

    def _rmdir(self, name: str) -> bool:
        try:
            os.rmdir(name, dir_fd=self.folder)
        except OSError as error:
            if error.errno != errno.ENOTEMPTY:
                raise
            return False  # An object that was on its way to this folder arrived late.
        return True

    def _flatten(self, name: str) -> list[str]:
        moved = []
        descriptor = os.open(name, _FOLDER_FLAGS, dir_fd=self.folder)
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        moved.append(uuid.uuid4().hex)
                        os.rename(
                            entry.name, moved[-1], src_dir_fd=descriptor, dst_dir_fd=self.folder
                        )
                    else:
                        os.unlink(entry.name, dir_fd=descriptor)
        finally:
            os.close(descriptor)
        return moved

    def sweep(self) -> int:
        """Remove what processes that are gone have left behind; return how many folders."""
        swept = 0
        for folder in list(self._root.iterdir()):
            try:
                descriptor = os.open(folder, _FOLDER_FLAGS)
            except FileNotFoundError:
                continue  # Swept by another one at the same time.
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.remove(folder)
                swept += 1
            except (BlockingIOError, FileNotFoundError):
                pass  # In use, or just swept.
            finally:
                os.close(descriptor)
        return swept

    def close(self) -> None:
        """Give the folder up; what is still in it can be swept."""
        os.close(self.folder)


class StagedFile:
    """A file on its way to become an object or a part of one."""

    def __init__(self, folder: int) -> None:
        self.folder = folder
        self.name = uuid.uuid4().hex
        self._descriptor: int | None = None
        self._origin: Path | None = None

    @property
    def descriptor(self) -> int:
        """The open file, made if it is not there."""
        if self._descriptor is None:
            self._descriptor = os.open(self.name, _FILE_FLAGS, 0o600, dir_fd=self.folder)
        return self._descriptor

    def adopt(self, file: Path) -> bool:
        """Move ``file`` here instead of making one, if that is possible and safe.

        Raises:
            InvalidRequest: It is missing, or is not a regular file.
        """
        if not may_be_moved(file):
            return False
        try:
            os.rename(file, self.name, dst_dir_fd=self.folder)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            return False
        self._origin = file
        self._descriptor = os.open(self.name, _ADOPT_FLAGS, dir_fd=self.folder)
        check_regular(os.fstat(self._descriptor), file)
        return True

    def write(self, chunks: Sequence[bytes]) -> None:
        """Append chunks."""
        write_all(self.descriptor, chunks)

    def finish(self) -> os.stat_result:
        """Make its bytes durable and return its status, last modified now."""
        os.utime(self.descriptor)
        os.fchmod(self.descriptor, 0o600)
        os.fsync(self.descriptor)
        return os.fstat(self.descriptor)

    def discard(self) -> None:
        """Close it; unless it was moved on, remove it, or give it back if it was adopted."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        with suppress(FileNotFoundError):
            if self._origin is None:
                os.unlink(self.name, dir_fd=self.folder)
            else:
                os.rename(self.name, self._origin, src_dir_fd=self.folder)


def _locked_folder(root: Path) -> int:
    while True:
        folder = root / uuid.uuid4().hex
        folder.mkdir(mode=0o700)
        try:
            descriptor = os.open(folder, _FOLDER_FLAGS)
        except FileNotFoundError:
            continue  # Swept by another process before the lock was taken.
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)  # The same, a moment later.
