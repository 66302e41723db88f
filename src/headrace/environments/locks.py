"""Locks between processes: files that the kernel locks, and unlocks when their holders die."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

_FIRST_WAIT_S = 0.02
_LONGEST_WAIT_S = 0.5


@contextlib.contextmanager
def try_lock(path: Path) -> Iterator[int | None]:
    """Take the lock of this file if it is free, until the end of the block.

    Gives the lock's file descriptor, or None if somebody else holds it. A child process that
    inherits the descriptor holds the lock too: should this process be killed, the lock stays taken
    until the child has ended.
    """
    descriptor = _open(path)
    try:
        if not _take(descriptor, path):
            yield None
            return
        try:
            yield descriptor
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


@contextlib.asynccontextmanager
async def wait_for_lock(path: Path, *, on_wait: Callable[[], None]) -> AsyncIterator[int]:
    """Take the lock of this file, waiting for it as long as it takes; see :func:`try_lock`.

    ``on_wait`` is called once if somebody else holds it.
    """
    wait_s = _FIRST_WAIT_S
    while True:
        with try_lock(path) as descriptor:
            if descriptor is not None:
                yield descriptor
                return
        if wait_s == _FIRST_WAIT_S:
            on_wait()
        await asyncio.sleep(wait_s)
        wait_s = min(wait_s * 2, _LONGEST_WAIT_S)


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _take(descriptor: int, path: Path) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    # Whoever discards an environment removes its lock file as well: a lock on a file that is no
    # longer there keeps nobody out.
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
