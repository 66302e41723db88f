"""Multipart uploads on a disk: a folder for each, a file for each part, joined without a copy.

The name of a part's file says all that is known of it: its number, when it came, its size and its
digest. The folder is locked while parts are joined, and shared while a part comes in.
"""

from __future__ import annotations

import errno
import fcntl
import os
import re
import uuid
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from headrace.core.clock import now_ns, now_s
from headrace.core.errors import Conflict, NotFound
from headrace.core.objects import ObjectInfo
from headrace.objects.disk import copy_range
from headrace.objects.parts import check_size, chosen
from headrace.objects.staging import StagedFile, Staging
from headrace.objects.tree import Tree, object_info

_TARGET = "target"
_TARGET_BYTES = 1 << 16
_ID = re.compile(r"[0-9a-f]{32}")
_PART = re.compile(r"(\d{5})-(\d{20})-(\d+)-([0-9a-f]+)")


@dataclass(frozen=True, slots=True, order=True)
class _Part:
    number: int
    stamp: int
    size: int
    digest: str

    @property
    def name(self) -> str:
        return f"{self.number:05}-{self.stamp:020}-{self.size}-{self.digest}"


class Uploads:
    """The uploads under way below one folder. All methods block."""

    def __init__(self, root: Path, staging: Staging, tree: Tree) -> None:
        self._root = root
        self._staging = staging
        self._tree = tree

    def begin(self, path: str) -> str:
        """Start an upload for a checked path and return its id."""
        upload_id = uuid.uuid4().hex
        os.mkdir(upload_id, 0o700, dir_fd=self._staging.folder)
        target = self._staging.new_file()
        try:
            target.write([path.encode()])
            target.finish()
            with _opened(upload_id, self._staging.folder) as folder:
                os.rename(target.name, _TARGET, src_dir_fd=target.folder, dst_dir_fd=folder)
                os.fsync(folder)
            os.rename(upload_id, self._root / upload_id, src_dir_fd=self._staging.folder)
        except OSError:
            self._staging.empty(upload_id)
            raise
        finally:
            target.discard()
        with _opened(self._root) as root:
            os.fsync(root)
        return upload_id

    def path_of(self, upload_id: str) -> str:
        """Return the path of an upload; raises NotFound."""
        with self._folder(upload_id) as folder:
            descriptor = os.open(_TARGET, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
            try:
                return os.read(descriptor, _TARGET_BYTES).decode()
            finally:
                os.close(descriptor)

    def add(self, upload_id: str, number: int, part: StagedFile, digest: str) -> None:
        """Take a part whose bytes are complete, in place of an earlier one of its number."""
        size = part.finish().st_size
        added = _Part(number, now_ns(), size, digest)
        with self._folder(upload_id, lock=fcntl.LOCK_SH) as folder:
            os.rename(part.name, added.name, src_dir_fd=part.folder, dst_dir_fd=folder)
            os.fsync(folder)
            for other in _parts(folder):
                if other.number == number and other < added:
                    with suppress(FileNotFoundError):  # Replaced twice at the same time.
                        os.unlink(other.name, dir_fd=folder)

    def complete(
        self,
        upload_id: str,
        asked: Sequence[tuple[int, str | None]],
        size: int | None,
        size_limit: int | None,
    ) -> Generator[None, None, ObjectInfo]:
        """Join the parts and publish the object, in bounded steps.

        The others are appended to the first part, which then becomes the object. Its name still
        says its size, so after a failure or a crash the next attempt starts afresh. Only a crash
        between publishing and removing what is left makes the next attempt miss the first part.
        """
        path = self.path_of(upload_id)
        with self._folder(upload_id, lock=fcntl.LOCK_EX) as folder:
            latest = {part.number: part for part in sorted(_parts(folder))}
            parts = chosen(latest, asked)
            check_size(parts, size, size_limit)
            yield
            descriptor = os.open(parts[0].name, os.O_RDWR | os.O_NOFOLLOW, dir_fd=folder)
            try:
                yield from _join(descriptor, parts, folder)
                status = os.fstat(descriptor)
            except BaseException:
                os.ftruncate(descriptor, parts[0].size)
                raise
            finally:
                os.close(descriptor)
            self._tree.publish(path, parts[0].name, folder)
            self._staging.remove(self._root / upload_id)
        return object_info(path, status)

    def abandon(self, upload_id: str) -> bool:
        """Remove an upload; was it there?"""
        if not _ID.fullmatch(upload_id):
            return False
        try:
            self._staging.remove(self._root / upload_id)
        except FileNotFoundError:
            return False
        return True

    def discard_stale(self, older_than_s: float) -> int:
        """Remove the uploads in which nothing has changed for so long; return how many."""
        oldest = now_s() - older_than_s
        discarded = 0
        for upload_id in [entry.name for entry in self._root.iterdir()]:
            try:
                with self._folder(upload_id) as folder:
                    if os.fstat(folder).st_mtime > oldest:
                        continue
                with self._folder(upload_id, lock=fcntl.LOCK_EX):
                    discarded += self.abandon(upload_id)
            except (NotFound, Conflict):
                continue  # Ended, or in use again.
        return discarded

    @contextmanager
    def _folder(self, upload_id: str, *, lock: int | None = None) -> Iterator[int]:
        unknown = NotFound(f"There is no upload {upload_id!r}: it ended, was abandoned or expired.")
        if not _ID.fullmatch(upload_id):
            raise unknown
        try:
            with _opened(self._root / upload_id) as folder:
                if lock is not None:
                    fcntl.flock(folder, lock | fcntl.LOCK_NB)
                yield folder
        except BlockingIOError as error:
            raise Conflict(
                "The upload is in use: parts arrive, or it is being completed."
            ) from error
        except FileNotFoundError as error:
            raise unknown from error


@contextmanager
def _opened(name: str | Path, parent: int | None = None) -> Iterator[int]:
    descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _parts(folder: int) -> list[_Part]:
    found = map(_PART.fullmatch, os.listdir(folder))
    return [_Part(int(m[1]), int(m[2]), int(m[3]), m[4]) for m in found if m]


def _join(target: int, parts: Sequence[_Part], folder: int) -> Generator[None]:
    """Append all parts but the first to ``target``, which holds the first, durably."""
    end = parts[0].size
    if os.fstat(target).st_size < end:
        raise OSError(errno.EIO, "a part became shorter")
    os.ftruncate(target, end)
    for part in parts[1:]:
        source = os.open(part.name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
        try:
            yield from copy_range(source, target, part.size, target_offset=end)
        finally:
            os.close(source)
        end += part.size
    os.utime(target)
    os.fsync(target)
