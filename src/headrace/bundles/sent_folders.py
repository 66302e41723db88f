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
from headrace.bundles.reading import CHUNK, ArchiveLimits
from headrace.core.contents import TOOL_NAMES
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


def write_sent_files(files: Sequence[tuple[str, Path]], target: Path) -> int:
    """Write an archive of files except those that tools made; return how many these were.

    A browser's paths begin with the name of the folder that was chosen, which is left away.

    Raises:
        InvalidRequest: A path leaves the folder, or no file should have it.
    """
    top = _shared_top([name for name, _ in files])
    left_out = 0
    with _tar(target) as tar:
        for name, place in files:
            path = checked_path(name).removeprefix(top)
            if _is_of_tool(path):
                left_out += 1
                continue
            member = tarfile.TarInfo(path)
            member.size = place.stat().st_size
            with place.open("rb") as source:
                tar.addfile(member, source)
    return left_out


def write_zipped(archive: Path, target: Path, limits: ArchiveLimits) -> int:
    """Write an archive of a zip's members except those that tools made; return how many these were.

    One folder that holds all of it is left away, unless it is a package.

    Raises:
        InvalidRequest: It is no zip, a broken or an encrypted one, or has an impossible name.
        TooLarge: It has more members or more content than the limits allow.
    """
    _check_directory(archive)
    with _garbage_refused(), zipfile.ZipFile(archive) as zipped:
        members = zipped.infolist()
        if len(members) > limits.members:
            raise TooLarge(f"The archive has more than {limits.members:,} members.")
        paths = [checked_path(member.filename) for member in members]
        top = _shared_top(
            [path for path, one in zip(paths, members, strict=True) if not one.is_dir()]
        )
        if f"{top}__init__.py" in paths:
            top = ""
        left_out, total = 0, 0
        with _tar(target) as tar:
            for path, member in zip(paths, members, strict=True):
                inner = f"{path}/".removeprefix(top).rstrip("/")
                if not inner:
                    continue
                if _is_of_tool(inner):
                    left_out += not member.is_dir()
                    continue
                total += member.file_size
                if total > limits.stream_bytes:
                    raise TooLarge(f"The archive holds more than {limits.stream_bytes:,} bytes.")
                _add(tar, inner, zipped, member)
    return left_out


def _add(tar: tarfile.TarFile, path: str, zipped: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    if member.flag_bits & 1:
        raise InvalidRequest("The archive is encrypted: send one that is not.")
    if member.compress_type not in _METHODS:
        raise InvalidRequest(
            f"The archive has {path!r:.200} compressed in a way that is not read here: make a zip "
            "with deflate, the usual way."
        )
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


def _shared_top(names: Sequence[str]) -> str:
    """Return the folder that all paths begin with, with its slash; empty if there is none."""
    tops = {name.partition("/")[0] if "/" in name else "" for name in names}
    top = tops.pop() if len(tops) == 1 else ""
    return f"{top}/" if top else ""


def _is_of_tool(path: str) -> bool:
    return not TOOL_NAMES.isdisjoint(path.split("/"))


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
