"""What the import of user code left in its working folder: files, open files, a folder to work in.

A fork shares the positions of open files, and the files themselves. Each call gets its own.
"""

from __future__ import annotations

from typing import Optional

from headrace_harness.stdlib import contextlib, fcntl, gc, io, os, stat

_STANDARD_STREAMS = 3
_DELETED = " (deleted)"


class ImportedFiles:
    """The open files and the working folder of a process that has just imported user code.

    Attributes:
        reason_not_to_fork: Which file a fork could not have for itself; None if there is none.

    Args:
        work: The folder in which the code was imported.
    """

    def __init__(self, work: str) -> None:
        self._work = work = os.path.realpath(work)
        self._open: list[tuple[int, str, int, int]] = []
        self.reason_not_to_fork: Optional[str] = _shared_mapping(work)
        try:
            self._current = os.getcwd()
        except OSError:
            self._current = work
        for descriptor in _descriptors():
            with contextlib.suppress(OSError):
                self._look_at(descriptor)
        self._refuse_foreign()

    def renew(self, work: str) -> None:
        """Go to where the import has gone, and open all files anew.

        Raises:
            OSError: A file cannot be opened.
        """
        # Without the folder that the import has removed, its start is as good as any.
        with contextlib.suppress(OSError):
            os.chdir(self._moved(self._current, work))
        for descriptor, path, flags, position in self._open:
            opened = os.open(self._moved(path, work), flags | os.O_CLOEXEC)
            try:
                os.lseek(opened, position, os.SEEK_SET)
                os.dup2(opened, descriptor, inheritable=os.get_inheritable(descriptor))
            finally:
                os.close(opened)

    def _look_at(self, descriptor: int) -> None:
        """Note a file that is in the folder, or that is only read."""
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        flags = fcntl.fcntl(descriptor, fcntl.F_GETFL)
        is_read = flags & os.O_ACCMODE == os.O_RDONLY
        if path.endswith(_DELETED) or not (is_read or _is_in(path, self._work)):
            return
        self._open.append((descriptor, path, flags, os.lseek(descriptor, 0, os.SEEK_CUR)))

    def _refuse_foreign(self) -> None:
        """Refuse a file being written that native code holds, as databases do."""
        writable = {
            descriptor: path
            for descriptor, path, flags, _ in self._open
            if flags & os.O_ACCMODE != os.O_RDONLY
        }
        if not writable:
            return
        for held in gc.get_objects():
            if isinstance(held, io.FileIO) and not held.closed:
                writable.pop(held.fileno(), None)
        for path in writable.values():
            self.reason_not_to_fork = f"keeps {os.path.relpath(path, self._work)} open for writing"

    def _moved(self, path: str, work: str) -> str:
        if not _is_in(path, self._work):
            return path
        return os.path.normpath(os.path.join(work, os.path.relpath(path, self._work)))


def _descriptors() -> list[int]:
    found = [int(name) for name in os.listdir("/proc/self/fd")]
    return [descriptor for descriptor in found if descriptor >= _STANDARD_STREAMS]


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + os.sep)


def _shared_mapping(work: str) -> Optional[str]:
    """Say which file of the folder is mapped so that writing to memory would change it."""
    with io.open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        for line in maps:
            _, access, *rest = line.rstrip("\n").split(maxsplit=5)
            if access == "rw-s" and len(rest) == 4 and _is_in(rest[3], work):
                return f"maps {os.path.relpath(rest[3], work)} into memory for writing"
    return None
