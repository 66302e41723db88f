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
from headrace.core.errors import Conflict, InvalidRequest, NotFound, TooLarge
from headrace.core.objects import ObjectInfo
from headrace.objects.disk import copy_range
from headrace.objects.port import MAX_PARTS
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
            chosen = _chosen(latest, asked)
            _check_size(chosen, size, size_limit)
            yield
            descriptor = os.open(chosen[0].name, os.O_RDWR | os.O_NOFOLLOW, dir_fd=folder)
            try:
                yield from _join(descriptor, chosen, folder)
                status = os.fstat(descriptor)
            except BaseException:
                os.ftruncate(descriptor, chosen[0].size)
                raise
            finally:
                os.close(descriptor)
            self._tree.publish(path, chosen[0].name, folder)
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


def check_part_number(number: int) -> int:
    """Return the number of a part if it can be one; raises InvalidRequest."""
    if isinstance(number, bool) or not 1 <= number <= MAX_PARTS:
        raise InvalidRequest(f"A part's number must be from 1 to {MAX_PARTS}, not {number!r}.")
    return number


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


def _chosen(latest: dict[int, _Part], asked: Sequence[tuple[int, str | None]]) -> list[_Part]:
    """Return the parts that make the object; raises InvalidRequest if they do not fit."""
    if [number for number, _ in asked] != list(range(1, len(asked) + 1)) or not asked:
        raise InvalidRequest("Name all parts of the upload in order: 1, 2, 3 and so on.")
    for number, etag in asked:
        details = {"part_number": number}
        if number not in latest:
            raise InvalidRequest(f"Part {number} did not arrive: send it again.", details=details)
        if etag is not None and etag.strip('"') != latest[number].digest:
            raise InvalidRequest(
                f"Part {number} is not the one with ETag {etag}: send it again.", details=details
            )
    extra = sorted(set(latest) - {number for number, _ in asked})
    if extra:
        raise InvalidRequest(
            f"Part {extra[0]} arrived but is not named: name all parts of the upload.",
            details={"part_number": extra[0]},
        )
    return [latest[number] for number, _ in asked]


def _check_size(parts: Sequence[_Part], size: int | None, size_limit: int | None) -> None:
    """Raise InvalidRequest or TooLarge if the parts do not add up to an object as announced."""
    total = sum(part.size for part in parts)
    if size is not None and total != size:
        raise InvalidRequest(f"The parts have {total} bytes in all, where {size} were announced.")
    if size_limit is not None and total > size_limit:
        raise TooLarge(f"The object is larger than the limit of {size_limit} bytes.")


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
