r"""Objects as files of a tree: where each one lies, and how it comes and goes.

The folder ``a/b`` of the store is the folder ``a/b`` below the root. The objects of a folder are
the files of its sub-folder ``\files``, a name that no segment of a path can have. So object
``a/b`` is ``a/\files/b`` and object ``a`` is ``\files/a``: both can exist, each keeps its name, and
the names of a folder's objects can be read without those of its sub-folders.

Every step goes through the descriptor of the folder before it and follows no link. Whatever is
neither a folder nor a regular file where one should be was planted, and is refused. Names are
UTF-8, and the file system must tell them apart by their bytes.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from headrace.core.errors import NotFound, PermissionDenied, Unavailable
from headrace.core.objects import ObjectInfo

FILES = "\\files"

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
# O_NONBLOCK: opening a planted pipe must not wait for its other end.
_FILE_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
_ATTEMPTS = 1000


class Tree:
    """The files below one root folder. All methods block, and raise ``OSError`` of the disk."""

    def __init__(self, root: Path) -> None:
        if sys.getfilesystemencoding() != "utf-8":
            raise Unavailable("Start the server with PYTHONUTF8=1: names of files must be UTF-8.")
        self._root = str(root)

    @contextmanager
    def folder(self, names: Sequence[str], *, make: bool = False) -> Iterator[int]:
        """Open the folder of these names, making the missing ones durably if ``make``.

        Raises:
            FileNotFoundError: It is not there, or was removed while it was being made.
            PermissionDenied: One of the names is not a folder.
        """
        descriptor = os.open(self._root, _FOLDER_FLAGS)
        try:
            for name in names:
                inner = _open_folder(name, descriptor, make=make)
                os.close(descriptor)
                descriptor = inner
            yield descriptor
        finally:
            os.close(descriptor)

    def names(self, folders: Sequence[str]) -> tuple[list[str], list[str]]:
        """Return the names of the objects in a folder, and of its sub-folders, in any order."""
        try:
            with self.folder(folders) as descriptor, os.scandir(descriptor) as entries:
                inner = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
        except FileNotFoundError:
            return [], []
        try:
            with self.folder([*folders, FILES]) as descriptor:
                # Several times faster than scandir, and there may be very many.
                files = os.listdir(descriptor)  # noqa: PTH208 - a descriptor has no path
        except FileNotFoundError:
            files = []
        return files, [name for name in inner if name != FILES]

    def status(self, path: str) -> os.stat_result | None:
        """Return the status of an object's file, or None if there is none."""
        *folders, name = place(path)
        try:
            with self.folder(folders) as descriptor:
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return None
        return _checked(status, path)

    def open(self, path: str) -> int:
        """Return a descriptor of an object's file, to read; raises NotFound."""
        *folders, name = place(path)
        try:
            with self.folder(folders) as folder:
                descriptor = os.open(name, _FILE_FLAGS, dir_fd=folder)
        except FileNotFoundError as error:
            raise NotFound(f"There is no object {path!r}.") from error
        except OSError as error:
            if error.errno in {errno.ELOOP, errno.ENXIO}:
                raise _planted(path) from error
            raise
        try:
            _checked(os.fstat(descriptor), path)
        except PermissionDenied:
            os.close(descriptor)
            raise
        return descriptor

    def publish(self, path: str, source: str, source_folder: int) -> None:
        """Move a finished file of the same file system to its place, durably.

        Raises:
            FileNotFoundError: The file to move is gone.
        """
        *folders, name = place(path)
        for _ in range(_ATTEMPTS):
            try:
                with self.folder(folders, make=True) as folder:
                    os.rename(source, name, src_dir_fd=source_folder, dst_dir_fd=folder)
                    os.fsync(folder)
            except FileNotFoundError:
                # Someone deleted the last object of the folder, and the folder with it.
                os.stat(source, dir_fd=source_folder)
                continue
            except IsADirectoryError as error:
                raise _planted(path) from error
            except OSError:
                self.prune(folders)
                raise
            return
        raise Unavailable(f"The folder of {path!r} is being deleted all the time; retry later.")

    def remove(self, path: str) -> bool:
        """Delete an object's file, and the folders that it leaves empty; was it there?"""
        *folders, name = place(path)
        try:
            with self.folder(folders) as folder:
                os.unlink(name, dir_fd=folder)
        except FileNotFoundError:
            return False
        except IsADirectoryError as error:
            raise _planted(path) from error
        self.prune(folders)
        return True

    def detach(self, folders: Sequence[str], target: str, target_folder: int) -> bool:
        """Move a whole folder out of the tree; was it there?"""
        *parents, name = folders
        try:
            with self.folder(folders), self.folder(parents) as parent:
                os.rename(name, target, src_dir_fd=parent, dst_dir_fd=target_folder)
        except FileNotFoundError:
            return False
        self.prune(parents)
        return True

    def prune(self, folders: Sequence[str]) -> None:
        """Remove a folder and those above it as far as they are empty; make that durable."""
        left = list(folders)
        while left:
            try:
                with self.folder(left[:-1]) as parent:
                    os.rmdir(left[-1], dir_fd=parent)
            except FileNotFoundError:
                pass  # Removed by another one meanwhile.
            except OSError:
                break
            left.pop()
        with suppress(FileNotFoundError), self.folder(left) as folder:
            os.fsync(folder)

    def local_path(self, path: str) -> Path:
        """Return the path of an object's file, which may not be there."""
        return Path(self._root, *place(path))


def place(path: str) -> list[str]:
    """Return the names that lead from the root to the file of an object."""
    *folders, name = path.split("/")
    return [*folders, FILES, name]


def object_info(path: str, status: os.stat_result) -> ObjectInfo:
    """Return the facts of an object by the status of its file."""
    seconds, nanoseconds = divmod(status.st_mtime_ns, 1_000_000_000)
    modified = datetime.fromtimestamp(seconds, UTC).replace(microsecond=nanoseconds // 1000)
    return ObjectInfo(path, status.st_size, modified)


def _open_folder(name: str, parent: int, *, make: bool) -> int:
    try:
        return os.open(name, _FOLDER_FLAGS, dir_fd=parent)
    except FileNotFoundError:
        if not make:
            raise
    except OSError as error:
        if error.errno in {errno.ENOTDIR, errno.ELOOP}:
            raise _planted(name) from error
        raise
    with suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=parent)
        # One who finds the folder already there relies on the journal: it commits in order, so
        # that the entry of the folder is on disk before anything in it.
        os.fsync(parent)
    return _open_folder(name, parent, make=False)


def _checked(status: os.stat_result, path: str) -> os.stat_result:
    if not stat.S_ISREG(status.st_mode):
        raise _planted(path)
    return status


def _planted(name: str) -> PermissionDenied:
    return PermissionDenied(
        f"{name!r} in the data store is neither a plain file nor a plain folder, and is refused: "
        "something other than the server put it there; the administrator has to remove it."
    )
