"""The bundles that this server keeps, one folder for each distinct content."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
import re
import shutil
import tempfile
import threading
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from headrace.bundles.archives import unpack
from headrace.bundles.contents import NOT_CONTENT, content_digest, write_archive
from headrace.bundles.reading import ArchiveLimits, folder_limits
from headrace.bundles.stamps import stamp_of
from headrace.core.clock import now_s
from headrace.core.errors import HeadraceError, Unavailable

_DIGEST = re.compile(r"[0-9a-f]{64}")
_INCOMING = ".incoming-"
_TRASH = ".trash-"
_LOCK = ".lock"
_FOLDER = "folder"
_ARCHIVE = "bundle.tgz"
_STAMP = "stamp"
# What is kept was within the limits of its time.
_NO_LIMITS = ArchiveLimits(1 << 50, members=1 << 50, stream_bytes=1 << 50, seconds=600.0)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Bundle:
    """The code of a pipeline.

    Attributes:
        digest: Digest of its content (:func:`headrace.bundles.contents.content_digest`).
        folder: The content, unpacked.
        archive: The content as a gzip-compressed tar, made by the server, for download.
        size: Bytes of the archive.
    """

    digest: str
    folder: Path
    archive: Path
    size: int


class BundleStore:
    """A folder of bundles, at ``<root>/<digest>/``; several processes may share it.

    A bundle appears whole or not at all, and never changes. Methods block: they read and write
    files and wait for locks.
    """

    def __init__(self, root: Path, limits: ArchiveLimits | None = None) -> None:
        self._root = root
        self._limits = limits
        self._mending = threading.Lock()

    def keep(self, archive: Path, max_bytes: int | None = None) -> Bundle:
        """Unpack an archive and keep its content; equal content is kept once.

        With ``max_bytes``, that is the most content that it may have.

        When this returns, the bundle survives a loss of power. It is safe from
        :meth:`discard_unused` for the grace period that is counted from now.

        Raises:
            InvalidRequest: The archive cannot be used (:func:`headrace.bundles.archives.unpack`).
            TooLarge: It holds more than the limits allow.
            Unavailable: The disk is full.
        """
        try:
            with self._incoming() as incoming:
                folder = incoming / _FOLDER
                limits = self._limits if max_bytes is None else folder_limits(max_bytes)
                unpack(archive, folder, limits)
                digest = content_digest(folder)
                write_archive(folder, incoming / _ARCHIVE)
                _write_stamp(incoming)
                _flush(incoming)
                return self._publish(incoming, digest)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise Unavailable(
                    "The server's disk is full, so the pipeline's folder cannot be kept."
                ) from error
            raise

    def find(self, digest: str) -> Bundle | None:
        """Return the bundle with this digest, or None if it is not kept here."""
        if not _DIGEST.fullmatch(digest):
            return None
        place = self._root / digest
        try:
            size = (place / _ARCHIVE).stat().st_size
        except FileNotFoundError:
            return None
        return Bundle(digest, place / _FOLDER, place / _ARCHIVE, size)

    def sound(self, digest: str) -> Bundle | None:
        """Return the bundle with this digest, having made sure that it is what was sent.

        A folder that was changed is made again from the archive, and an archive from the folder.
        The bundle counts as missing if neither is whole.
        """
        bundle = self.find(digest)
        if bundle is None and not (self._root / digest / _FOLDER).is_dir():
            return None
        place = self._root / digest
        if not _is_unchanged(place):
            # Who comes second finds it whole, and does not mend what is being mended.
            with self._mending:
                if not _is_unchanged(place) and not self._mend(place):
                    return None
        return self.find(digest)

    def discard_unused(self, keep: Collection[str], *, grace_s: float) -> list[str]:
        """Delete the bundles that are not in ``keep``, and return their digests.

        Args:
            keep: Digests that are in use.
            grace_s: Seconds for which a bundle stays after the last :meth:`keep` of its content,
                so that whoever has just kept it can record its use.
        """
        oldest = now_s() - grace_s
        trash: dict[str, Path] = {}
        with self._locked():
            for place in self.places():
                if place.name not in keep and place.stat().st_mtime < oldest:
                    trash[place.name] = self._root / f"{_TRASH}{uuid.uuid4().hex}"
                    place.rename(trash[place.name])
        for place in trash.values():
            shutil.rmtree(place, ignore_errors=True)
        return sorted(trash)

    def touch(self, digest: str) -> None:
        """Record that a bundle is used now, for those who drop what is not."""
        with contextlib.suppress(FileNotFoundError):
            os.utime(self._root / digest)

    def digests(self) -> set[str]:
        """Return the digests of the bundles that are kept here."""
        return {place.name for place in self.places()}

    def places(self) -> list[Path]:
        """Return the folders of the bundles that are kept here, each named by its digest."""
        with contextlib.suppress(FileNotFoundError):
            return [place for place in self._root.iterdir() if _DIGEST.fullmatch(place.name)]
        return []

    def sweep(self) -> None:
        """Delete what interrupted calls have left; to be called when the server starts.

        What another process is filling at this moment is left alone.
        """
        with self._locked():
            for place in list(self._root.iterdir()):
                if place.name.startswith(_TRASH) or (
                    place.name.startswith(_INCOMING) and not _is_held(place)
                ):
                    shutil.rmtree(place, ignore_errors=True)

    def _mend(self, place: Path) -> bool:
        """Make a bundle whole again if that can be; return whether it is."""
        with self._incoming() as incoming:
            folder, archive = incoming / _FOLDER, incoming / _ARCHIVE
            if _holds(place / _FOLDER, place.name):
                write_archive(place / _FOLDER, archive)
                archive.replace(place / _ARCHIVE)
                _write_stamp(place)
                return True
            try:
                unpack(place / _ARCHIVE, folder, _NO_LIMITS)
            except (HeadraceError, OSError):
                logger.exception("the bundle %s was changed, and its archive too", place.name)
                return False
            if not _holds(folder, place.name):
                logger.error("the bundle %s was changed, and its archive too", place.name)
                return False
            write_archive(folder, archive)
            _write_stamp(incoming)
            _flush(incoming)
            self._publish(incoming, place.name)
        logger.warning("the bundle %s was changed: made again from its archive", place.name)
        return True

    def _publish(self, incoming: Path, digest: str) -> Bundle:
        place = self._root / digest
        trash = None
        with self._locked():
            if place.exists() and not _is_unchanged(place):
                trash = self._root / f"{_TRASH}{uuid.uuid4().hex}"
                place.rename(trash)
            if not place.exists():
                incoming.rename(place)
            os.utime(place)
            bundle = self.find(digest)
        if trash is not None:
            shutil.rmtree(trash, ignore_errors=True)
        # Also when another process renamed it: it may not have come to this line yet.
        _flush_one(self._root)
        if bundle is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(place))
        return bundle

    @contextmanager
    def _incoming(self) -> Iterator[Path]:
        """Give a new folder beside the bundles, marked as in use until the block ends."""
        with self._locked():
            incoming = Path(tempfile.mkdtemp(prefix=_INCOMING, dir=self._root))
            mark = os.open(incoming, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(mark, fcntl.LOCK_EX)
        try:
            incoming.chmod(0o755)
            yield incoming
        finally:
            # After a rename there is nothing left to remove here.
            shutil.rmtree(incoming, ignore_errors=True)
            os.close(mark)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the root against all other threads and processes; the kernel frees it at exit."""
        self._root.mkdir(parents=True, exist_ok=True)
        lock = os.open(self._root / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


def _is_unchanged(place: Path) -> bool:
    try:
        return (place / _STAMP).read_text() == stamp_of(place / _FOLDER, place / _ARCHIVE)
    except (OSError, ValueError):
        return False


def _write_stamp(place: Path) -> None:
    # Of its own, as another server on the folder may write one too.
    unpublished = place / f"{_STAMP}.{uuid.uuid4().hex}"
    unpublished.write_text(stamp_of(place / _FOLDER, place / _ARCHIVE))
    unpublished.replace(place / _STAMP)


def _holds(folder: Path, digest: str) -> bool:
    """Check whether a folder holds the content of this digest, and nothing besides."""
    try:
        for _, folders, files in os.walk(folder):
            if NOT_CONTENT.intersection([*folders, *files]):
                return False
        return content_digest(folder) == digest
    except OSError:
        return False


def _is_held(place: Path) -> bool:
    mark = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(mark, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(mark)
    return False


def _flush(folder: Path) -> None:
    """Bring a folder and all that is in it to the disk, what is named before what names it."""
    for directory, _, files in os.walk(folder, topdown=False):
        for name in files:
            place = Path(directory, name)
            if not place.is_symlink():
                _flush_one(place)
        _flush_one(Path(directory))


def _flush_one(place: Path) -> None:
    opened = os.open(place, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
