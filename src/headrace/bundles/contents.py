"""What a bundle's folder holds: its entries in order, their digest, and an archive of them."""

from __future__ import annotations

import gzip
import hashlib
import os
import stat
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from headrace.bundles.reading import CHUNK
from headrace.core.contents import ContentDigest

NOT_CONTENT = frozenset({"__pycache__", ".git"})
"""Names that never belong to a bundle, wherever they are: what Python and git write for
themselves, and change without any change to the code."""

# Zip files, and so wheels built from a folder, cannot hold an earlier time.
_MTIME = 315_532_800  # 1980-01-01


def content_digest(folder: Path) -> str:
    """Return the SHA-256, in hex, of a folder's content.

    Relative paths, bytes, targets of links and whether files are executable go in; owners, times,
    order and :data:`NOT_CONTENT` do not.
    """
    digest = ContentDigest()
    for path, kind, place in _entries(folder):
        if kind == "link":
            digest.add_link(path, str(place.readlink()))
        elif kind == "directory":
            digest.add_folder(path)
        else:
            with place.open("rb") as source:
                digest.add_file(
                    path,
                    is_program=kind == "program",
                    size=place.stat().st_size,
                    content=iter(lambda: source.read(CHUNK), b""),
                )
    return digest.hexdigest()


def sizes_of(folder: Path) -> list[tuple[str, int]]:
    """Return path and size in bytes of each file of a folder, sorted by path; none is read."""
    return [
        (path, place.lstat().st_size)
        for path, kind, place in _entries(folder)
        if kind != "directory"
    ]


def files_of(folder: Path) -> list[tuple[str, int, str]]:
    """Return path, size in bytes and SHA-256, in hex, of each file of a folder, sorted by path.

    Of a link it is the text of its target.
    """
    found = []
    for path, kind, place in _entries(folder):
        if kind == "link":
            target = str(place.readlink()).encode()
            found.append((path, len(target), hashlib.sha256(target).hexdigest()))
        elif kind != "directory":
            with place.open("rb") as source:
                digest = hashlib.file_digest(source, "sha256").hexdigest()
            found.append((path, place.stat().st_size, digest))
    return found


def taken_places(folder: Path, places: Sequence[str]) -> list[str]:
    """Return those of some places at which nothing can be put into a folder.

    There is something already, or a file or a link on the way.
    """
    taken = []
    for place in places:
        at = folder
        *above, name = place.split("/")
        for segment in above:
            at /= segment
            if at.is_symlink() or (at.exists() and not at.is_dir()):
                taken.append(place)
                break
        else:
            if os.path.lexists(at / name):
                taken.append(place)
    return taken


def write_archive(folder: Path, target: Path) -> None:
    """Write a folder's content as a gzip-compressed tar, the same bytes for the same content."""
    with (
        target.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path, kind, place in _entries(folder):
            member = tarfile.TarInfo(path)
            member.mtime = _MTIME
            member.mode = 0o644 if kind == "file" else 0o755
            if kind == "directory":
                member.type = tarfile.DIRTYPE
                tar.addfile(member)
            elif kind == "link":
                member.type = tarfile.SYMTYPE
                member.linkname = str(place.readlink())
                tar.addfile(member)
            else:
                member.size = place.stat().st_size
                with place.open("rb") as source:
                    tar.addfile(member, source)


def _entries(folder: Path) -> list[tuple[str, str, Path]]:
    """Return (relative path, kind, place) of all entries, sorted by path."""
    return sorted(_walk(folder))


def _walk(folder: Path) -> Iterator[tuple[str, str, Path]]:
    waiting = [("", folder)]
    while waiting:
        prefix, directory = waiting.pop()
        with os.scandir(directory) as entries:
            for entry in entries:
                if entry.name in NOT_CONTENT:
                    continue
                path, place = prefix + entry.name, Path(entry.path)
                if entry.is_symlink():
                    yield path, "link", place
                elif entry.is_dir():
                    yield path, "directory", place
                    waiting.append((f"{path}/", place))
                else:
                    is_executable = entry.stat().st_mode & stat.S_IXUSR
                    yield path, "program" if is_executable else "file", place
