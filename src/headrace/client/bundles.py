"""The archive of a local folder that goes with a new pipeline (wire contract, 3.4)."""

from __future__ import annotations

import os
import stat
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from headrace.core.errors import InvalidCode, InvalidRequest, TooLarge
from headrace.core.pipelines import MAX_FOLDER_BYTES, check_folder_path

SKIPPED_FOLDERS = frozenset({"__pycache__", ".git", ".venv"})
"""Folders that are never taken, wherever they are."""

NAMED_FILES = 5
"""How many of the biggest files an error names."""


def pack(folder: Path, included: Iterable[str]) -> BinaryIO:
    """Return a gzip-compressed tar of what is included of a folder, in a temporary file.

    Args:
        folder: The local folder.
        included: Files and folders in it; ``/`` is all of it. Folders named in
            :data:`SKIPPED_FOLDERS` are left out.

    Raises:
        InvalidRequest: The folder or something that is included does not exist, leaves the folder,
            or cannot be read.
        TooLarge: The content is larger than :data:`~headrace.core.pipelines.MAX_FOLDER_BYTES`.
    """
    files = list_files(folder, included)
    _check_size(files)
    archive = tempfile.TemporaryFile(prefix="headrace-")  # noqa: SIM115 - the caller closes it
    try:
        with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=6) as tar:
            for name, path in files.items():
                _add(tar, name, path)
    except BaseException:
        archive.close()
        raise
    archive.seek(0)
    return archive


def list_files(folder: Path, included: Iterable[str]) -> dict[str, Path]:
    """Return the files that are taken: path in the archive, with ``/``, to path on this machine.

    Raises:
        InvalidRequest: As :func:`pack`.
    """
    if not folder.is_dir():
        raise InvalidRequest(f"local_folder {str(folder)!r} is not a folder.")
    root = folder.resolve()
    files: dict[str, Path] = {}
    for entry in included:
        relative = check_folder_path(entry, "included path")
        start = root / relative
        if not start.exists():
            raise InvalidRequest(f"{entry!r} is to be included, but {str(folder)!r} has no such.")
        for path in _walk(start):
            files[path.relative_to(root).as_posix()] = _target(path, root)
    return dict(sorted(files.items()))


def check_function_file(folder: Path, function_path: str) -> None:
    """Refuse a function's file that is not in the folder, before anything is packed.

    Raises:
        InvalidCode: With the Python files that there are.
    """
    if (folder / check_folder_path(function_path, "function_path")).is_file():
        return
    found = sorted(path.name for path in folder.glob("*.py"))
    there = f"; at its top there are {', '.join(found[:NAMED_FILES])}" if found else ""
    raise InvalidCode(f"function_path {function_path!r} is not in {str(folder)!r}{there}.")


def _walk(start: Path) -> Iterator[Path]:
    if not start.is_dir():
        yield start
        return
    for parent, folders, names in os.walk(start, onerror=_unreadable):
        folders[:] = sorted(set(folders) - SKIPPED_FOLDERS)
        for name in (*folders, *sorted(names)):
            path = Path(parent, name)
            if path.is_symlink() and path.is_dir():
                raise InvalidRequest(
                    f"{str(path)!r} is a link to a folder, which cannot be packed: "
                    "replace it by the folder itself, or leave it out of included_folders."
                )
        for name in names:
            path = Path(parent, name)
            if path.is_symlink() or stat.S_ISREG(path.stat().st_mode):
                yield path


def _target(path: Path, root: Path) -> Path:
    target = path.resolve()
    if not target.is_relative_to(root):
        raise InvalidRequest(
            f"{str(path)!r} is a link that leaves the folder: replace it by the file itself."
        )
    if not target.is_file():
        raise InvalidRequest(f"{str(path)!r} is a link to no file: remove it.")
    return target


def _check_size(files: dict[str, Path]) -> None:
    sizes = {name: path.stat().st_size for name, path in files.items()}
    total = sum(sizes.values())
    if total <= MAX_FOLDER_BYTES:
        return
    biggest = sorted(sizes.items(), key=lambda item: -item[1])[:NAMED_FILES]
    names = ", ".join(f"{name} ({size:,} bytes)" for name, size in biggest)
    raise TooLarge(
        f"The folder's content is {total:,} bytes; at most {MAX_FOLDER_BYTES:,} are allowed. "
        f"The biggest files: {names}. Include less with included_folders, and give data as file "
        "inputs.",
        details={"size": total, "limit": MAX_FOLDER_BYTES},
    )


def _add(tar: tarfile.TarFile, name: str, path: Path) -> None:
    try:
        with path.open("rb") as file:
            info = tar.gettarinfo(arcname=name, fileobj=file)
            # A file with two names in the folder would become a link to the other.
            info.type, info.linkname = tarfile.REGTYPE, ""
            info.size = os.fstat(file.fileno()).st_size
            # Who owns it here is nobody's business there.
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            tar.addfile(info, file)
    except OSError as error:
        _unreadable(error)


def _unreadable(error: OSError) -> None:
    raise InvalidRequest(
        f"{error.filename or 'A file'} cannot be packed: {error.strerror or error}."
    ) from None
