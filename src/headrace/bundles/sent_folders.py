"""Folders as browsers send them, file by file or as a zip, made the archives that bundles come of.

Names and sizes are judged where archives are unpacked, whatever sent them.
"""

from __future__ import annotations

import gzip
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from headrace.bundles.archives import checked_path
from headrace.bundles.left_out import MAX_IGNORE_BYTES, Judged, is_ignore_file, judge
from headrace.bundles.reading import CHUNK, ArchiveLimits
from headrace.core.errors import InvalidRequest, TooLarge

_MAX_DIRECTORY_BYTES = 4 << 20
"""Of the list of a zip's members, all of which is in memory at once."""

_MAX_LINK_BYTES = 4096
_END = b"PK\x05\x06"
_END_BYTES = 22
_END_64 = b"PK\x06\x07"
_END_64_BYTES = 20
_MAX_COMMENT_BYTES = 65535
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}


def is_zip(archive: Path) -> bool:
    """Check whether a file begins as a zip does."""
    with archive.open("rb") as file:
        return file.read(2) == b"PK"


def write_sent_files(files: Sequence[tuple[str, Path]], target: Path) -> Judged:
    """Write an archive of files except those that are left out; return which these were.

    A browser's paths begin with the name of the folder that was chosen, which is left away.

    Raises:
        InvalidRequest: A path leaves the folder, or no file should have it; or an ignore file
            among them cannot be used.
    """
    top = shared_top([name for name, _ in files])
    placed = [(checked_path(name).removeprefix(top), place) for name, place in files]
    judged = judge(
        [path for path, _ in placed],
        {path: _start(place) for path, place in placed if is_ignore_file(path)},
    )
    with _tar(target) as tar:
        for path, place in placed:
            if not judged.has(path):
                continue
            member = tarfile.TarInfo(path)
            member.size = place.stat().st_size
            with place.open("rb") as source:
                tar.addfile(member, source)
    return judged


def write_zipped(archive: Path, target: Path, limits: ArchiveLimits) -> Judged:
    """Write an archive of a zip's members except those that are left out; return which these were.

    One folder that holds all of it is left away, unless it is a package.

    Raises:
        InvalidRequest: It is no zip, a broken or an encrypted one, or has an impossible name; or
            an ignore file in it cannot be used.
        TooLarge: It has more members or more content than the limits allow.
    """
    _check_directory(archive)
    with _garbage_refused(), zipfile.ZipFile(archive) as zipped:
        members = zipped.infolist()
        if len(members) > limits.members:
            raise TooLarge(f"The archive has more than {limits.members:,} members.")
        placed = _without_top(members)
        judged = judge(
            [f"{path}/" * one.is_dir() or path for path, one in placed],
            {path: _read(zipped, one) for path, one in placed if is_ignore_file(path)},
        )
        total = 0
        with _tar(target) as tar:
            for path, member in placed:
                if not judged.has(path):
                    continue
                total += member.file_size
                if total > limits.stream_bytes:
                    raise TooLarge(f"The archive holds more than {limits.stream_bytes:,} bytes.")
                _add(tar, path, zipped, member)
    return judged


def _without_top(members: Sequence[zipfile.ZipInfo]) -> list[tuple[str, zipfile.ZipInfo]]:
    """Return the members with their paths, without the one folder that holds all of them."""
    paths = [checked_path(member.filename) for member in members]
    top = shared_top([path for path, one in zip(paths, members, strict=True) if not one.is_dir()])
    if f"{top}__init__.py" in paths:
        top = ""
    inner = [f"{path}/".removeprefix(top).rstrip("/") for path in paths]
    return [(path, one) for path, one in zip(inner, members, strict=True) if path]


def _start(file: Path) -> str:
    with file.open("rb") as source:
        return _text(source.read(MAX_IGNORE_BYTES + 1))


def _read(zipped: zipfile.ZipFile, member: zipfile.ZipInfo) -> str:
    _check_kind(member.filename, member)
    with zipped.open(member) as source:
        return _text(source.read(MAX_IGNORE_BYTES + 1))


def _text(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")


def _add(tar: tarfile.TarFile, path: str, zipped: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    _check_kind(path, member)
    mode = member.external_attr >> 16
    made = tarfile.TarInfo(path)
    if member.is_dir():
        made.type = tarfile.DIRTYPE
        tar.addfile(made)
    elif stat.S_ISLNK(mode):
        made.type = tarfile.SYMTYPE
        with zipped.open(member) as source:
            made.linkname = source.read(_MAX_LINK_BYTES).decode()
        tar.addfile(made)
    else:
        # A member that is longer than it says is refused by its checksum or cut at its size.
        made.size = member.file_size
        made.mode = 0o755 if mode & stat.S_IXUSR else 0o644
        with zipped.open(member) as source:
            tar.addfile(made, source)


def _check_kind(path: str, member: zipfile.ZipInfo) -> None:
    if member.flag_bits & 1:
        raise InvalidRequest("The archive is encrypted: send one that is not.")
    if member.compress_type not in _METHODS:
        raise InvalidRequest(
            f"The archive has {path!r:.200} compressed in a way that is not read here: make a zip "
            "with deflate, the usual way."
        )


def _check_directory(archive: Path) -> None:
    """Refuse a zip whose list of members is long, before all of it is read into memory.

    Raises:
        InvalidRequest: The end of a zip is not at its end.
        TooLarge: The list is too long.
    """
    size = archive.stat().st_size
    with archive.open("rb") as file:
        file.seek(max(0, size - _END_BYTES - _MAX_COMMENT_BYTES - _END_64_BYTES))
        tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) < at + _END_BYTES:
        raise _broken("its end is missing")
    directory = int.from_bytes(tail[at + 12 : at + 16], "little")
    is_64 = tail[max(0, at - _END_64_BYTES) : at].startswith(_END_64)
    if directory > _MAX_DIRECTORY_BYTES or is_64:
        raise TooLarge("The archive has too many members for the code of a pipeline.")


def shared_top(names: Sequence[str]) -> str:
    """Return the folder that all paths begin with, with its slash; empty if there is none."""
    tops = {name.partition("/")[0] if "/" in name else "" for name in names}
    top = tops.pop() if len(tops) == 1 else ""
    return f"{top}/" if top else ""


@contextmanager
def _tar(target: Path) -> Iterator[tarfile.TarFile]:
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0, compresslevel=1) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT, bufsize=CHUNK) as tar,
    ):
        yield tar


@contextmanager
def _garbage_refused() -> Iterator[None]:
    try:
        yield
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        ValueError,
        NotImplementedError,
        tarfile.TarError,
    ) as error:
        raise _broken(str(error) or type(error).__name__) from None
    except OSError as error:
        if error.errno is not None:
            raise
        # The library says so of a member that ends before its size.
        raise _broken(str(error)) from None


def _broken(why: str) -> InvalidRequest:
    return InvalidRequest(f"The archive is not a zip that can be read: {why:.200}.")
