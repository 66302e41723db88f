"""Logs that are put into a bucket once they have ended, with copies on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from headrace.core.clock import now, now_s
from headrace.core.errors import NotFound
from headrace.core.names import least_id
from headrace.logs.bounded import drop_oldest, join_logs
from headrace.logs.files import LogFile, LogFiles
from headrace.objects.port import ObjectStore
from headrace.objects.walking import every_object, file_chunks

STAYS = timedelta(minutes=1)
"""How long a log stays where it was written after it was sent, for lines that come late."""

_STAYS_S = STAYS.total_seconds()
_DEPLOYMENTS = "deployments"
_DRAFT = ".incoming-"


@dataclass(frozen=True, slots=True)
class _Sent:
    size: int
    at_s: float


class BucketLogs(LogFiles):
    """The log files of a data directory whose ended logs are in a bucket.

    A log is written below ``root``. Once it has ended, :meth:`send` puts it into the bucket; a
    minute later it becomes a copy, which may be deleted at any time. What is below ``root`` is
    therefore what the bucket may not have yet. Logs of deployments do not end, and stay.

    Args:
        root: The folder of logs that are written.
        copies: The folder of copies.
        bucket: Logs, by their paths below ``root``.
    """

    def __init__(self, root: Path, copies: Path, bucket: ObjectStore) -> None:
        super().__init__(root)
        self._copies = copies
        self._bucket = bucket
        self._since = least_id(now())
        self._sent: dict[Path, _Sent] = {}
        self._fetching: dict[Path, asyncio.Lock] = {}

    async def found(self, path: Path) -> Path:
        """See the base: the log, or a copy of it, fetched if there is none."""
        return await asyncio.to_thread(self._here, path) or await self._fetch(path)

    async def pages(self, kind: str) -> AsyncIterator[list[LogFile]]:
        """See the base: the logs that are written here, those of the bucket, and copies."""
        async for page in super().pages(kind):
            yield page
        if kind == _DEPLOYMENTS:
            return
        after: str | None = None
        while True:
            found = await self._bucket.list(kind, after)
            yield [
                _log_file(self._root / info.path, info.size, info.last_modified.timestamp())
                for info in found.items
            ]
            after = found.next_after
            if after is None:
                break
        yield await asyncio.to_thread(self._copied, kind)

    async def size_of(self, path: Path) -> int:
        """See the base."""
        here = await super().size_of(path)
        if here:
            return here
        info = await self._bucket.info(self._name(path))
        return 0 if info is None else info.size

    async def remove(self, path: Path) -> None:
        """See the base."""
        self._sent.pop(path, None)
        for place in (path, self._copy_of(path)):
            await asyncio.to_thread(place.unlink, missing_ok=True)
        if not self._is_of_deployment(path):
            await self._bucket.delete(self._name(path))

    def written(self, kind: str, quiet_s: float) -> list[LogFile]:
        """Return the logs of a kind to which nothing was written for some seconds; it blocks."""
        bound = now_s() - quiet_s
        return [
            file
            for folder in self.folders(kind)
            for file in self.in_folder(folder)
            if file.modified_at < bound
        ]

    async def send(self, file: LogFile) -> bool:
        """Put a log that has ended into the bucket; make it a copy a minute later.

        To be called again and again, as long as the file is there. Returns whether it was sent now.

        Raises:
            Unavailable: The bucket or the disk cannot do its work.
        """
        sent = self._sent.get(file.path)
        if sent is not None and sent.size == file.size:
            if time.monotonic() - sent.at_s > _STAYS_S:
                await asyncio.to_thread(self._make_copy, file)
            return False
        with contextlib.suppress(FileNotFoundError):
            return await self._send(file.path)
        return False  # It was deleted meanwhile.

    async def shrink(self, limit_bytes: int) -> int:
        """Delete the copies that were not read for longest, down to a limit; return how many."""
        return await asyncio.to_thread(drop_oldest, self._copies, limit_bytes, _STAYS_S)

    async def send_all(self) -> int:
        """Have the bucket hold all logs of this machine that end; return how many it holds.

        No server runs, and nothing is written.
        """
        for kind in ("executions", "builds"):
            for file in await asyncio.to_thread(self.written, kind, -1.0):
                await self._send(file.path)
        return len([info async for info in every_object(self._bucket)])

    async def fetch_all(self) -> int:
        """Have this machine hold all logs of the bucket as if they were written here."""
        count = 0
        async for info in every_object(self._bucket):
            path = self._root / info.path
            if await super().size_of(path) < info.size:
                await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True)
                await self._join(path)
            count += 1
        return count

    def sweep(self) -> None:
        """Delete what interrupted fetches have left; to be called when the server starts."""
        for root in (self._root, self._copies):
            for draft in root.glob(f"*/*/{_DRAFT}*"):
                draft.unlink(missing_ok=True)

    async def _send(self, path: Path) -> bool:
        info = await self._bucket.info(self._name(path))
        size = (await asyncio.to_thread(path.stat)).st_size
        is_new = info is None or info.size != size
        if info is not None and is_new:
            # An earlier part was sent already, and more lines came.
            await self._join(path)
            await asyncio.to_thread(self._copy_of(path).unlink, missing_ok=True)
        if is_new:
            size = (await self._bucket.put(self._name(path), file_chunks(path))).size
        if not await asyncio.to_thread(path.exists):
            # It was deleted meanwhile, by somebody who did not find it in the bucket.
            await self._bucket.delete(self._name(path))
            return False
        self._sent[path] = _Sent(size, time.monotonic())
        return is_new

    async def _join(self, path: Path) -> None:
        """Make a log hold what the bucket has of it, followed by what is here alone."""
        draft = path.with_name(f"{_DRAFT}{uuid.uuid4().hex}")
        try:
            await self._bucket.fetch(self._name(path), draft)
            await asyncio.to_thread(join_logs, draft, path)
        finally:
            await asyncio.to_thread(draft.unlink, missing_ok=True)

    async def _fetch(self, path: Path) -> Path:
        if self._is_of_deployment(path) or self._is_young(path):
            return path
        async with self._fetching.setdefault(path, asyncio.Lock()):
            try:
                return await asyncio.to_thread(self._here, path) or await self._fetch_now(path)
            except NotFound:
                return path
            finally:
                self._fetching.pop(path, None)

    async def _fetch_now(self, path: Path) -> Path:
        copy = self._copy_of(path)
        draft = copy.with_name(f"{_DRAFT}{uuid.uuid4().hex}")
        await asyncio.to_thread(copy.parent.mkdir, mode=0o700, parents=True, exist_ok=True)
        try:
            await self._bucket.fetch(self._name(path), draft)
            await asyncio.to_thread(draft.replace, copy)
        finally:
            await asyncio.to_thread(draft.unlink, missing_ok=True)
        return copy

    def _here(self, path: Path) -> Path | None:
        copy = self._copy_of(path)
        with contextlib.suppress(FileNotFoundError):
            # When it was last read.
            os.utime(copy, (now_s(), copy.stat().st_mtime))
            return copy
        return path if path.exists() else None

    def _make_copy(self, file: LogFile) -> None:
        copy = self._copy_of(file.path)
        if copy.exists() and copy.samefile(file.path):
            # Who was told of the file in the last round has read it by now.
            if copy.stat().st_size == file.size:
                file.path.unlink(missing_ok=True)
                self._sent.pop(file.path, None)
            return
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        copy.unlink(missing_ok=True)
        with contextlib.suppress(FileNotFoundError):
            copy.hardlink_to(file.path)

    def _copied(self, kind: str) -> list[LogFile]:
        return [
            _log_file(self._root / copy.relative_to(self._copies), 0, copy.stat().st_mtime)
            for copy in self._copies.glob(f"{kind}/*/*.log")
        ]

    def _is_young(self, path: Path) -> bool:
        """Check whether a log is so young that this server wrote it, and has not moved it away."""
        return path.stem > max(self._since, least_id(now() - STAYS))

    def _copy_of(self, path: Path) -> Path:
        return self._copies / path.relative_to(self._root)

    def _name(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _is_of_deployment(self, path: Path) -> bool:
        return path.relative_to(self._root).parts[0] == _DEPLOYMENTS


def _log_file(path: Path, size: int, modified_at: float) -> LogFile:
    return LogFile(path.stem, path, size, modified_at)
