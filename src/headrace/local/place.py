"""Where the server of a folder keeps its data: one place for each folder, in the user's cache."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from headrace.core.clock import now_s
from headrace.core.errors import InvalidRequest

UNUSED_S = 30 * 86400
"""After this time without a use a place is removed."""

DIGEST_CHARACTERS = 16
_PRIVATE = 0o700


@dataclass(frozen=True, slots=True)
class Running:
    """The server that runs, or ran last, for a folder.

    Attributes:
        folder: The folder, for a person who looks at the cache.
        url: Its root URL.
        token: An SDK token for it.
        is_kept: Whether it runs until somebody ends it, and so may be used by others.
        process: The process that owns it.
    """

    folder: str
    url: str
    token: str
    is_kept: bool
    process: int


@dataclass(frozen=True, slots=True)
class Place:
    """The private folder of one folder's server.

    Attributes:
        root: The folder, which its owner alone can read.
        folder: The folder of the user's code.
    """

    root: Path
    folder: Path

    @property
    def data(self) -> Path:
        """The server's data directory."""
        return self.root / "data"

    def running(self) -> Running | None:
        """Return what is known of the server that runs here or ran last, None if nothing is."""
        try:
            return Running(**json.loads((self.root / "running.json").read_text("utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def remember(self, running: Running) -> None:
        """Keep how the server is reached, for its next start and for who uses it meanwhile."""
        draft = self.root / "running.json.part"
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:  # noqa: PTH123 - a descriptor
            json.dump(asdict(running), file)
        draft.replace(self.root / "running.json")

    def hold(self) -> Hold | None:
        """Return the right to run the server of this folder, None if another process has it."""
        self.root.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        self.root.chmod(_PRIVATE)
        return Hold.taken(self.root / "lock")

    def clear(self) -> None:
        """Remove the server's data."""
        _remove(self.data)


class Hold:
    """A lock that its process has until it is let go, however the process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def taken(cls, path: Path) -> Hold | None:
        """Return the lock on a file, None if another process has it."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        os.utime(descriptor)
        return cls(descriptor)

    def let_go(self) -> None:
        """Let another process have it."""
        os.close(self._descriptor)


def place_of(folder: Path, environ: Mapping[str, str]) -> Place:
    """Return the place of a folder's server, below ``XDG_CACHE_HOME``, by default ``~/.cache``.

    Raises:
        InvalidRequest: There is no such folder, or the user has no home directory.
    """
    if not folder.is_dir():
        raise InvalidRequest(f"folder {str(folder)!r} is not a folder.")
    resolved = folder.resolve()
    digest = hashlib.sha256(os.fsencode(resolved)).hexdigest()[:DIGEST_CHARACTERS]
    return Place(_places(environ) / digest, resolved)


def forget_unused(environ: Mapping[str, str]) -> None:
    """Remove the places that nobody has used for :data:`UNUSED_S`."""
    with suppress(OSError):
        for root in _places(environ).iterdir():
            _forget_unless_used(root)


def _forget_unless_used(root: Path) -> None:
    lock = root / "lock"
    with suppress(OSError):
        if now_s() - lock.stat().st_mtime < UNUSED_S:
            return
        hold = Hold.taken(lock)
        if hold is not None:
            _remove(root)
            hold.let_go()


def _places(environ: Mapping[str, str]) -> Path:
    cache = environ.get("XDG_CACHE_HOME", "")
    try:
        # A relative path is to be ignored, says the specification of these folders.
        home = Path(cache) if Path(cache).is_absolute() else Path("~/.cache").expanduser()
    except RuntimeError:
        raise InvalidRequest(
            "This user has no home directory, where the data of a local server is kept: set HOME "
            "or XDG_CACHE_HOME."
        ) from None
    return home / "headrace" / "dev"


def _remove(folder: Path) -> None:
    """Remove a folder with all below it, folders that are closed to their owner included."""
    for path, _, _ in os.walk(folder, onerror=None):
        with suppress(OSError):
            Path(path).chmod(_PRIVATE)
    shutil.rmtree(folder, ignore_errors=True)
