"""Work on files, off the event loop: a few threads, bounded steps, and errors in clear words."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import ParamSpec, TypeVar

from headrace.core.errors import HeadraceError, InvalidRequest, TooLarge, Unavailable

CHUNK = 1 << 20
"""Bytes that are read or written at a time when they pass through memory."""

SLICE = 8 << 20
"""Bytes that the kernel is asked to copy at a time."""

THREADS = 4

_IOV_MAX = 1024
_P = ParamSpec("_P")
_T = TypeVar("_T")

# The file systems, or this pair of them, cannot share or copy ranges inside the kernel.
_NO_COPY_RANGE = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM}


class Disk:
    """Threads for the work on one disk; the only place where its ``OSError`` are translated."""

    def __init__(self, threads: int = THREADS) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="objects")

    async def run(self, work: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
        """Return ``work(*args, **kwargs)``, done in a thread.

        When the caller is cancelled, this still waits until the work is done: otherwise the caller
        would close files which the thread is using.

        Raises:
            Unavailable: The disk is full, or refuses.
        """
        job = partial(work, *args, **kwargs)
        future = asyncio.get_running_loop().run_in_executor(self._threads, job)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            await _settled(future)
            raise
        except OSError as error:
            raise translated(error) from error

    async def acquire(self, work: Callable[[], _T], release: Callable[[_T], None]) -> _T:
        """Return ``work()``, done in a thread; give it to ``release`` if the caller is cancelled.

        For work that returns something which has to be closed.
        """
        acquired: list[_T] = []
        try:
            await self.run(lambda: acquired.append(work()))
        except BaseException:
            for thing in acquired:
                release(thing)
            raise
        return acquired[0]

    async def drive(self, steps: Generator[None, None, _T]) -> _T:
        """Run a generator to its end, each step in a thread, and return what it returns.

        A long piece of work that yields now and then leaves the threads to others in between, and
        can be cancelled; its ``finally`` clauses run in a thread too.
        """
        returned: list[_T] = []

        def step() -> bool:
            try:
                next(steps)
            except StopIteration as stop:
                returned.append(stop.value)
                return False
            return True

        try:
            while await self.run(step):
                pass
        finally:
            if not returned:
                await self.run(steps.close)
        return returned[0]

    def close(self) -> None:
        """Wait for the work that is going on, then end the threads."""
        self._threads.shutdown()


async def _settled(future: asyncio.Future[_T]) -> None:
    while not future.done():
        try:
            await asyncio.wait([future])
        except asyncio.CancelledError:
            continue  # The first cancellation is raised by the caller, once the thread is done.
    if not future.cancelled():
        future.exception()  # Marks it as seen: the cancellation takes its place.


def translated(error: OSError, place: str = "the data store's disk") -> HeadraceError:
    """Return the error for callers of an error of a file system."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return Unavailable(f"{place[0].upper()}{place[1:]} is full: free some space and retry.")
        case errno.EFBIG:
            return TooLarge(f"The object is larger than {place} takes in one file.")
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return Unavailable(
                f"The server may not write to {place}: check the owner and the mode of its folders."
            )
        case errno.ENAMETOOLONG:
            return InvalidRequest(f"The path has a segment that is too long for {place}.")
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    return Unavailable(f"{place[0].upper()}{place[1:]} failed: {reason}.")


async def receive(
    disk: Disk,
    source: AsyncIterator[bytes],
    write: Callable[[Sequence[bytes]], None],
    *,
    size_limit: int | None,
    ready: Callable[[], Awaitable[None]],
) -> None:
    """Pass chunks on to ``write``, in batches of about :data:`CHUNK` bytes.

    Args:
        disk: Where ``write`` runs.
        source: The chunks.
        write: Writes a batch.
        size_limit: Most bytes.
        ready: Awaited before each batch is written, and at the end if there was none.

    Raises:
        TooLarge: The chunks exceed ``size_limit`` bytes; what exceeds it is not written.
    """
    writing: asyncio.Task[None] | None = None
    try:
        # One batch is written while the next one comes in.
        async for batch in _batches(source, size_limit):
            if writing is not None:
                await writing
            await ready()
            writing = asyncio.create_task(disk.run(write, batch))
        await ready()
        if writing is not None:
            await writing
    finally:
        if writing is not None:
            await _settled(writing)


async def _batches(
    source: AsyncIterator[bytes], size_limit: int | None
) -> AsyncIterator[list[bytes]]:
    batch: list[bytes] = []
    size = held = 0
    async for chunk in source:
        size += len(chunk)
        if size_limit is not None and size > size_limit:
            raise TooLarge(f"The object is larger than the limit of {size_limit} bytes.")
        batch.append(chunk)
        held += len(chunk)
        if held >= CHUNK or len(batch) >= _IOV_MAX:
            yield batch
            batch, held = [], 0
    if batch:
        yield batch


def write_all(descriptor: int, chunks: Sequence[bytes]) -> None:
    """Write chunks, one after the other, without joining them."""
    left = [memoryview(chunk) for chunk in chunks if chunk]
    while left:
        written = os.writev(descriptor, left[:_IOV_MAX])
        done = 0
        while done < len(left) and written >= len(left[done]):
            written -= len(left[done])
            done += 1
        del left[:done]
        if written:
            left[0] = left[0][written:]


def copy_range(source: int, target: int, length: int, *, target_offset: int = 0) -> Generator[None]:
    """Copy the first ``length`` bytes of one file into another, inside the kernel.

    File systems which can share blocks between files (Btrfs, XFS) do so.

    Raises:
        OSError: Also when ``source`` has less than ``length`` bytes.
    """
    done = 0
    while done < length:
        count = _copy_slice(source, target, min(SLICE, length - done), done, target_offset + done)
        if count == 0:
            raise OSError(errno.EIO, "a file became shorter while it was copied")
        done += count
        yield


def _copy_slice(source: int, target: int, count: int, offset: int, target_offset: int) -> int:
    try:
        return os.copy_file_range(source, target, count, offset, target_offset)
    except OSError as error:
        if error.errno not in _NO_COPY_RANGE:
            raise
    os.lseek(target, target_offset, os.SEEK_SET)
    return os.sendfile(target, source, offset, count)
