"""The attached files on this machine: one copy of each content, for whatever code has it."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import os
import uuid
from collections.abc import Collection
from pathlib import Path

from headrace.core.attachments import Attachment, digest_of, object_of
from headrace.core.clock import now, now_s
from headrace.core.errors import InvalidEnvironment, NotFound
from headrace.objects.port import ObjectStore

_INCOMING = ".incoming-"
_STAMP = ".stamp"
_PAGE = 1000

logger = logging.getLogger(__name__)


class AttachedFiles:
    """A folder of files by the digest of their content, fetched from the data store.

    A file appears whole or not at all, and is compared with its digest: when it comes, and again
    whenever it may have been changed since.

    Args:
        root: The folder; user code only reads it.
        data_store: Where the files come from.
    """

    def __init__(self, root: Path, data_store: ObjectStore) -> None:
        self._root = root
        self._data_store = data_store
        self._locks: dict[str, asyncio.Lock] = {}

    def find(self, attachment: Attachment) -> Path | None:
        """Return the file of an attachment, or None if it is not here."""
        place = self._root / attachment.digest
        return place if place.is_file() else None

    async def is_kept(self, attachment: Attachment) -> bool:
        """Tell whether the content of an attachment is here, or can be fetched."""
        if self.find(attachment) is not None:
            return True
        return await self._data_store.info(attachment.object) is not None

    async def sound(self, attachment: Attachment) -> Path:
        """Return the file of an attachment, fetched if it is not here or is not what it was.

        Raises:
            InvalidEnvironment: The data store does not have it, or has something else in its place.
            Unavailable: The data store or the disk cannot do its work.
        """
        lock = self._locks.setdefault(attachment.digest, asyncio.Lock())
        async with lock:
            place = self._root / attachment.digest
            if await asyncio.to_thread(_is_sound, place, attachment.digest):
                return place
            draft = self._root / f"{_INCOMING}{uuid.uuid4().hex}"
            # Who makes room may have deleted it with all copies.
            await asyncio.to_thread(self._root.mkdir, mode=0o700, parents=True, exist_ok=True)
            try:
                await self._fetch(attachment, draft)
                await asyncio.to_thread(_publish, draft, place)
            finally:
                await asyncio.to_thread(draft.unlink, missing_ok=True)
            return place

    def sweep(self) -> None:
        """Delete what interrupted fetches have left; to be called when the server starts."""
        for place in self._root.glob(f"{_INCOMING}*"):
            place.unlink(missing_ok=True)

    async def discard_unused(self, keep: Collection[str], *, unused_for_s: float) -> list[str]:
        """Delete the files and the data store's objects that are not in ``keep``; return digests.

        Args:
            keep: Digests that are in use.
            unused_for_s: Seconds for which one stays after it was last fetched, looked at or sent,
                so that whoever has just sent it can attach it.
        """
        gone = await asyncio.to_thread(self._discard_files, keep, now_s() - unused_for_s)
        after: str | None = None
        while True:
            page = await self._data_store.list(object_of("").rstrip("/"), after, _PAGE)
            for info in page.items:
                digest = digest_of(info.path)
                age_s = (now() - info.last_modified).total_seconds()
                if digest is not None and digest not in keep and age_s > unused_for_s:
                    await self._data_store.delete(info.path)
                    gone.add(digest)
            after = page.next_after
            if after is None:
                return sorted(gone)

    def _discard_files(self, keep: Collection[str], oldest: float) -> set[str]:
        gone = set()
        for place in list(self._root.glob("*")):
            digest = digest_of(object_of(place.name))
            if digest is None or digest in keep:
                continue
            stamp = _stamp_of(place)
            if (stamp if stamp.exists() else place).stat().st_mtime < oldest:
                stamp.unlink(missing_ok=True)
                place.unlink(missing_ok=True)
                gone.add(digest)
        return gone

    async def _fetch(self, attachment: Attachment, draft: Path) -> None:
        try:
            await self._data_store.fetch(attachment.object, draft)
        except NotFound:
            raise InvalidEnvironment(
                f"The file attached at {attachment.path!r} is not in the data store any more "
                f"({attachment.object}): attach it again."
            ) from None
        if await asyncio.to_thread(_digest, draft) != attachment.digest:
            raise InvalidEnvironment(
                f"The data store's {attachment.object!r} is not what its name says, so nothing can "
                f"be attached at {attachment.path!r}: delete it there, and attach the file again."
            )


def _is_sound(place: Path, digest: str) -> bool:
    """Check a file by its stamp, or by its content if the stamp says that it may have changed."""
    stamp = _stamp_of(place)
    try:
        if stamp.read_text("utf-8") == _facts(place):
            # When it was last asked for.
            os.utime(stamp)
            return True
    except (OSError, ValueError):
        if not place.is_file():
            return False
    if _digest(place) != digest:
        logger.error("the attached file %s was changed: it is fetched again", digest)
        return False
    stamp.write_text(_facts(place), "utf-8")
    return True


def _publish(draft: Path, place: Path) -> None:
    draft.chmod(0o444)
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(place)
    _stamp_of(place).write_text(_facts(place), "utf-8")


def _facts(place: Path) -> str:
    """Return a text that differs once a file has been written or replaced.

    Nobody can set back the time of change that goes in.
    """
    found = place.lstat()
    return (
        f"{found.st_mode} {found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}\n"
    )


def _digest(place: Path) -> str:
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _stamp_of(place: Path) -> Path:
    return place.with_name(place.name + _STAMP)
