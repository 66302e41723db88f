"""Where the kernel refuses nothing: what runs changed in their template's folder is put right."""

from __future__ import annotations

from headrace_harness.copying import copy_folder
from headrace_harness.stdlib import contextlib, os, stat

_BYTECODE = "__pycache__"


class Original:
    """A folder as the import has left it, and a copy of it that no path of user code leads to.

    Runs at the same time may still see each other's changes.
    """

    def __init__(self, folder: str, kept: str) -> None:
        self.kept = kept
        self._folder = folder
        self._facts = _facts(folder)
        copy_folder(folder, kept)

    def restore(self) -> None:
        """Make the folder what it was, if it is not.

        Raises:
            OSError: It cannot be read or written.
        """
        if _facts(self._folder) == self._facts:
            return
        gone = f"{self._folder}.{os.getpid()}"
        copied = f"{gone}.new"
        copy_folder(self.kept, copied)
        for path, (_, _, written) in self._facts.items():
            with contextlib.suppress(OSError):
                os.utime(os.path.join(copied, path), ns=(written, written), follow_symlinks=False)
        # Another run may be at the same; either's copy will do.
        with contextlib.suppress(OSError):
            os.rename(self._folder, gone)
        with contextlib.suppress(OSError):
            os.rename(copied, self._folder)


def _facts(folder: str) -> dict[str, tuple[int, int, int]]:
    """Return kind, size and time of writing of all that is in a folder, but for bytecode."""
    found = {}
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        with contextlib.suppress(FileNotFoundError), os.scandir(os.path.join(folder, prefix)) as it:
            for entry in it:
                if entry.name == _BYTECODE:
                    continue
                path = os.path.join(prefix, entry.name)
                facts = entry.stat(follow_symlinks=False)
                is_folder = stat.S_ISDIR(facts.st_mode)
                if is_folder:
                    waiting.append(path)
                found[path] = (
                    facts.st_mode & (stat.S_IXUSR | ~0o777),
                    0 if is_folder else facts.st_size,
                    0 if is_folder else facts.st_mtime_ns,
                )
    return found
