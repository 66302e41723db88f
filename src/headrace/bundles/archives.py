"""Unpacking an untrusted archive into a folder, without anything outside that folder."""

from __future__ import annotations

import heapq
import os
import posixpath
import shutil
import stat
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from headrace.bundles.contents import NOT_CONTENT
from headrace.bundles.reading import ArchiveLimits, ArchiveReader, StreamTooLong
from headrace.core.errors import InvalidRequest, TooLarge

_MAX_PATH_BYTES = 1024
_MAX_SEGMENT_BYTES = 255
_LARGEST_SHOWN = 5

_DIRECTORY = "a folder"
_FILE = "a file"
_LINK = "a link"


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What came out of an archive.

    Attributes:
        files: Number of files, without folders and symbolic links.
        size: Bytes of all files.
    """

    files: int
    size: int


def unpack(archive: Path, into: Path, limits: ArchiveLimits | None = None) -> Unpacked:
    """Unpack a gzip-compressed tar into the new folder ``into``; nothing is left of a refused one.

    Files get the mode 0644, or 0755 if their owner may execute them, and folders 0755; owners and
    times are dropped, and so are entries named in :data:`~headrace.bundles.contents.NOT_CONTENT`.
    Of several members with one name the last one counts. A hard link becomes a copy. A symbolic
    link is kept if it leads to somewhere in the folder.

    Raises:
        InvalidRequest: The archive is broken, or a member is a device, leaves the folder, or
            contradicts another member.
        TooLarge: More members or more content than ``limits`` allows.
        FileExistsError: ``into`` exists.
    """
    limits = limits or ArchiveLimits()
    into.mkdir(parents=True)
    try:
        into.chmod(0o755)
        unpacking = _Unpacking(into, limits)
        with ArchiveReader(archive, limits) as reader:
            try:
                for member in reader.members():
                    unpacking.take(member, reader)
            except StreamTooLong:
                raise unpacking.too_large(f"more than {limits.stream_bytes:,}") from None
        return unpacking.finish()
    except BaseException:
        shutil.rmtree(into, ignore_errors=True)
        raise


class _Unpacking:
    """The folder while it fills, and what is in it so far."""

    def __init__(self, into: Path, limits: ArchiveLimits) -> None:
        self._into = into
        self._limit = limits.content_bytes
        self._kinds: dict[str, str] = {"": _DIRECTORY}
        self._links: dict[str, str] = {}
        self._sizes: dict[str, int] = {}
        self._dropped: dict[str, int] = {}
        self._total = 0
        self._peak = 0

    def take(self, member: tarfile.TarInfo, reader: ArchiveReader) -> None:
        """Take the next member: write it, remember it, or drop it."""
        path = checked_path(member.name)
        is_file = member.isreg() and not member.issparse()
        if not (is_file or member.isdir() or member.issym() or member.islnk()):
            raise _refusal(member.name, "is neither a file nor a folder nor a link")
        if NOT_CONTENT.intersection(path.split("/")):
            if is_file:
                self._dropped[path] = sum(len(piece) for piece in reader.content(member))
        elif member.isdir():
            self._claim(path, _DIRECTORY)
        elif not path:
            raise _refusal(member.name, "has no name")
        elif is_file:
            self._claim(path, _FILE)
            self._write(path, reader.content(member), is_program=bool(member.mode & stat.S_IXUSR))
        elif member.issym():
            self._claim(path, _LINK)
            self._links[path] = _checked_target(path, member)
        else:
            self._copy(path, member)

    def finish(self) -> Unpacked:
        """Make the symbolic links, now that no member can be written through one."""
        if self._peak > self._limit:
            raise self.too_large(f"{self._peak:,}")
        for path, target in self._links.items():
            self._place(path).symlink_to(target)
        root = os.path.realpath(self._into)
        for path in self._links:
            if not Path(os.path.realpath(self._place(path))).is_relative_to(root):
                raise _refusal(path, "is a link that leaves the folder")
        return Unpacked(files=len(self._sizes), size=self._total)

    def too_large(self, size: str) -> TooLarge:
        """Return the refusal of a folder of ``size`` bytes."""
        largest = heapq.nlargest(
            _LARGEST_SHOWN, (self._sizes | self._dropped).items(), key=lambda item: item[1]
        )
        shown = ", ".join(f"{path!r} ({count:,} bytes)" for path, count in largest)
        return TooLarge(
            f"The pipeline's folder holds {size} bytes; at most {self._limit:,} are allowed. "
            f"Largest: {shown or 'nothing'}. Name only what the pipeline needs in "
            "container_config[included_folders], and read data from the data store.",
            details={
                "limit": self._limit,
                "largest": [{"path": path, "size": count} for path, count in largest],
            },
        )

    def _claim(self, path: str, kind: str) -> None:
        """Make ``path`` free for a member of this kind, in folders that exist."""
        parent = posixpath.dirname(path)
        if path and self._kinds.get(parent) is not _DIRECTORY:
            self._claim(parent, _DIRECTORY)
        present = self._kinds.get(path)
        if present is _DIRECTORY and kind is _DIRECTORY:
            return
        if present is not None and _DIRECTORY in {present, kind}:
            raise _refusal(path, f"is {kind}, but also {present}")
        if present is _FILE:
            self._place(path).unlink()
            self._total -= self._sizes.pop(path)
        self._links.pop(path, None)
        self._kinds[path] = kind
        if kind is _DIRECTORY:
            self._place(path).mkdir()
            self._place(path).chmod(0o755)

    def _write(self, path: str, pieces: Iterable[bytes], *, is_program: bool) -> None:
        # Past the limit nothing is written any more, but all is counted for the message.
        self._sizes[path] = 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with os.fdopen(os.open(self._place(path), flags, 0o600), "wb") as target:
            for piece in pieces:
                self._sizes[path] += len(piece)
                self._total += len(piece)
                self._peak = max(self._peak, self._total)
                if self._peak <= self._limit:
                    target.write(piece)
            os.fchmod(target.fileno(), 0o755 if is_program else 0o644)

    def _copy(self, path: str, member: tarfile.TarInfo) -> None:
        source = checked_path(member.linkname)
        if self._kinds.get(source) is not _FILE:
            raise _refusal(
                member.name, f"is a hard link to {member.linkname!r}, which is no file before it"
            )
        if source == path:
            return
        self._claim(path, _FILE)
        with self._place(source).open("rb") as content:
            mode = os.fstat(content.fileno()).st_mode
            self._write(path, content, is_program=bool(mode & stat.S_IXUSR))

    def _place(self, path: str) -> Path:
        return self._into / path


def checked_path(name: str) -> str:
    """Return a member's path relative to the folder; ``""`` is the folder itself.

    Raises:
        InvalidRequest: It leaves the folder, or no file should have such a name.
    """
    _check_characters(name, name)
    if name.startswith("/"):
        raise _refusal(name, "has an absolute name; name members from the folder")
    segments = [segment for segment in name.split("/") if segment not in {"", "."}]
    if ".." in segments:
        raise _refusal(name, "leaves the folder")
    return "/".join(segments)


def _checked_target(path: str, member: tarfile.TarInfo) -> str:
    target = member.linkname
    whole = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    if not target or target.startswith("/") or whole.split("/")[0] == "..":
        raise _refusal(member.name, f"is a link to {target!r}, which leaves the folder")
    _check_characters(target, member.name)
    return target


def _check_characters(path: str, name: str) -> None:
    """Refuse a path that no file should have; ``name`` is the member that has it."""
    try:
        segments = path.encode().split(b"/")
    except UnicodeEncodeError:
        raise _refusal(name, "has a name that is not UTF-8; rename it") from None
    if "\0" in path or "\\" in path:
        raise _refusal(name, "has a backslash or a NUL in its name; rename it")
    if len(path.encode()) > _MAX_PATH_BYTES or max(map(len, segments)) > _MAX_SEGMENT_BYTES:
        raise _refusal(
            name,
            f"has a name that is too long: {_MAX_SEGMENT_BYTES} bytes for a segment and "
            f"{_MAX_PATH_BYTES} for the whole are allowed",
        )


def _refusal(name: str, why: str) -> InvalidRequest:
    shown = name if len(name) <= 200 else f"{name[:197]}..."
    return InvalidRequest(f"The archive step_file cannot be used: member {shown!r} {why}.")
