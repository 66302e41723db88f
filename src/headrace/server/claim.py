"""The lock that makes a process the only server of a data directory."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from headrace.core.errors import Conflict

logger = logging.getLogger(__name__)

PATIENCE_S = 1.0
"""How long to wait for the last of a server that was just killed."""

_PAUSE_S = 0.02


class Claim:
    """Holds a data directory for this process until it is closed, however the process ends.

    The lock is on the directory itself, which nobody can delete or replace while it holds what the
    server works on. The file ``server.lock`` is locked as well: servers of earlier versions look at
    that one alone.

    Args:
        root: The data directory.
        patience_s: How long to wait for whoever has it, in seconds.

    Raises:
        Conflict: Another server runs on it.
        OSError: It cannot be opened.
    """

    def __init__(self, root: Path, patience_s: float = PATIENCE_S) -> None:
        self._descriptors: list[int] = []
        deadline = time.monotonic() + patience_s
        try:
            self._hold(root, os.O_RDONLY | os.O_DIRECTORY, deadline)
            self._hold(root / "server.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, deadline)
        except BlockingIOError:
            self.close()
            raise Conflict(
                f"A server runs on the data directory {root} already: stop it first, or choose "
                "another one with --data-dir."
            ) from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Release the directory for another server."""
        while self._descriptors:
            os.close(self._descriptors.pop())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _hold(self, path: Path, flags: int, deadline: float) -> None:
        """Open and lock what is at a path, again if something else is there by then."""
        while True:
            descriptor = os.open(path, flags | os.O_CLOEXEC, 0o600)
            self._descriptors.append(descriptor)
            _lock(descriptor, path, deadline)
            if _is_at(path, descriptor):
                return
            os.close(self._descriptors.pop())


def is_claimed(root: Path) -> bool:
    """Check whether a server holds a data directory, and change nothing of it."""
    for path in (root, root / "server.lock"):
        # Before the first start there is none, and some network file systems lock no folders.
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            finally:
                os.close(descriptor)
    return False


def _lock(descriptor: int, path: Path, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_PAUSE_S)
        except OSError as error:
            # Some network file systems lock no folders.
            if not path.is_dir():
                raise
            logger.warning("%s itself cannot be locked (%s): its lock is a file", path, error)
            return
        else:
            return


def _is_at(path: Path, descriptor: int) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    held = os.fstat(descriptor)
    return (there.st_dev, there.st_ino) == (held.st_dev, held.st_ino)
