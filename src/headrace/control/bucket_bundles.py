"""Bundles that are kept in a bucket, with copies on this machine."""

from __future__ import annotations

import asyncio
import logging
import re
import tempfile
from collections.abc import AsyncIterator, Callable, Collection
from datetime import datetime, timedelta
from pathlib import Path

from headrace.bundles.copies import copies_in, copies_to_drop
from headrace.bundles.store import Bundle, BundleStore
from headrace.core.clock import now, now_s
from headrace.core.errors import NotFound
from headrace.objects.port import ObjectStore
from headrace.objects.walking import every_object, file_chunks

USED_LATELY_S = 600.0
"""A copy that was used so lately is not dropped: whoever asked for it may still read it."""

_FRESH = timedelta(minutes=1)
"""An older object is written again when its content is kept, so that no collector takes it."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_END = ".tgz"
# What is kept was within the limits of its time.
_ANY_SIZE = 1 << 50

logger = logging.getLogger(__name__)


class BucketBundles:
    """The bundles of a bucket; see :class:`headrace.bundles.port.Bundles`.

    A bundle is in the bucket before :meth:`keep` returns. The copies on this machine may be deleted
    at any time: they are fetched again, and compared with their digest.

    Args:
        here: The copies.
        bucket: Archives, by digest.
        staging: A folder of this machine for archives on their way.
    """

    def __init__(self, here: BundleStore, bucket: ObjectStore, staging: Path) -> None:
        self._here = here
        self._bucket = bucket
        self._staging = staging
        self._fetching: dict[str, asyncio.Lock] = {}

    async def keep(self, archive: Path, max_bytes: int | None = None) -> Bundle:
        """See the port."""
        bundle = await asyncio.to_thread(self._here.keep, archive, max_bytes)
        known = await self._bucket.info(path_of(bundle.digest))
        if known is None or now() - known.last_modified > _FRESH:
            await self._send(bundle)
        return bundle

    async def find(self, digest: str) -> Bundle | None:
        """See the port."""
        self._here.touch(digest)
        bundle = self._here.find(digest)
        if bundle is None or not bundle.folder.is_dir():
            return await self._fetch(digest)
        return bundle

    async def sound(self, digest: str) -> Bundle | None:
        """See the port."""
        # Before it is looked at, so that it is not dropped meanwhile.
        self._here.touch(digest)
        return await asyncio.to_thread(self._here.sound, digest) or await self._fetch(digest)

    async def discard_unused(self, keep: Collection[str], *, grace_s: float) -> list[str]:
        """See the port."""
        gone = set(await asyncio.to_thread(self._here.discard_unused, keep, grace_s=grace_s))
        oldest = now() - timedelta(seconds=grace_s)
        async for digest, stored_at in self._all():
            if digest not in keep and stored_at < oldest:
                await self._bucket.delete(path_of(digest))
                gone.add(digest)
        return sorted(gone)

    async def send_missing(
        self, needed: Collection[str], come_round: Callable[[], None] = lambda: None
    ) -> int:
        """Send the needed bundles that are on this machine alone; return how many there were.

        There are some when a server whose folders were in its data directory is given a bucket.

        Args:
            needed: Their digests.
            come_round: Called after each.
        """
        sent = 0
        for digest in sorted(set(needed) - await self.digests()):
            bundle = await asyncio.to_thread(self._here.sound, digest)
            if bundle is not None:
                await self._send(bundle)
                come_round()
                sent += 1
        return sent

    async def digests(self) -> set[str]:
        """Return the digests of the bundles in the bucket."""
        return {digest async for digest, _ in self._all()}

    async def shrink(self, limit_bytes: int, at_work: Collection[str]) -> list[str]:
        """Drop the copies that were not used for longest, down to a limit; return their digests.

        What is not in the bucket stays, and so does what was used in the last ten minutes.

        Args:
            limit_bytes: What all copies may take together.
            at_work: Digests of those that something runs, which stay.
        """
        copies = await asyncio.to_thread(copies_in, self._here)
        dropped = {
            digest
            for digest in copies_to_drop(copies, limit_bytes, at_work, now_s() - USED_LATELY_S)
            if await self._bucket.info(path_of(digest)) is not None
        }
        if not dropped:
            return []
        stay = {copy.digest for copy in copies} - dropped
        # One that is asked for at this moment is used, and stays.
        return await asyncio.to_thread(self._here.discard_unused, stay, grace_s=USED_LATELY_S)

    async def _fetch(self, digest: str) -> Bundle | None:
        if not _DIGEST.fullmatch(digest):
            return None
        lock = self._fetching.setdefault(digest, asyncio.Lock())
        try:
            async with lock:
                # Who comes second finds it.
                found = await asyncio.to_thread(self._here.sound, digest)
                return found or await self._fetch_now(digest)
        finally:
            if not lock.locked():
                self._fetching.pop(digest, None)

    async def _fetch_now(self, digest: str) -> Bundle | None:
        self._staging.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self._staging) as folder:
            archive = Path(folder, "archive")
            try:
                await self._bucket.fetch(path_of(digest), archive)
            except NotFound:
                return None
            bundle = await asyncio.to_thread(self._here.keep, archive, _ANY_SIZE)
        if bundle.digest != digest:
            logger.error("the bucket's bundle %s has another content: it is not used", digest)
            return None
        return bundle

    async def _send(self, bundle: Bundle) -> None:
        await self._bucket.put(path_of(bundle.digest), file_chunks(bundle.archive))

    async def _all(self) -> AsyncIterator[tuple[str, datetime]]:
        """Yield the digests in the bucket, and when each was written last."""
        async for info in every_object(self._bucket):
            digest = info.path.removesuffix(_END)
            if _DIGEST.fullmatch(digest):
                yield digest, info.last_modified


def path_of(digest: str) -> str:
    """Return the path of a bundle in the bucket."""
    return f"{digest}{_END}"
