"""The archive of a local folder that goes with a new pipeline (wire contract, 3.4)."""

from __future__ import annotations

import os
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from headrace.client.selection import Selection
from headrace.core.errors import InvalidCode, InvalidRequest, TooLarge
from headrace.core.pipelines import MAX_CONTRACT_FOLDER_BYTES, check_folder_path

NAMED_FILES = 5
"""How many of the biggest files an error names."""


def check_size(selection: Selection, limit: Callable[[], int]) -> None:
    """Refuse a selection that the server would refuse, before it is sent.

    Args:
        selection: What is about to be sent.
        limit: Asks the server for its limit; only called where the common one is exceeded.

    Raises:
        TooLarge: With the biggest files.
    """
    if selection.size <= MAX_CONTRACT_FOLDER_BYTES:
        return
    most = limit()
    if selection.size <= most:
        return
    sizes = {name: path.stat().st_size for name, path in selection.files.items()}
    biggest = sorted(sizes.items(), key=lambda item: -item[1])[:NAMED_FILES]
    names = ", ".join(f"{name} ({size:,} bytes)" for name, size in biggest)
    raise TooLarge(
        f"The folder's content is {selection.size:,} bytes; the server takes at most {most:,}. "
        f"The biggest files: {names}. Leave out what the pipeline does not need, by a "
        ".headraceignore file or with included_folders, and give data as file inputs. "
        "HEADRACE_MAX_FOLDER_BYTES of the server is the limit.",
        details={"size": selection.size, "limit": most},
    )


def pack(selection: Selection) -> BinaryIO:
    """Return a gzip-compressed tar of what was selected, in a temporary file.

    Raises:
        InvalidRequest: Something of it cannot be read.
    """
    archive = tempfile.TemporaryFile(prefix="headrace-")  # noqa: SIM115 - the caller closes it
    try:
        with tarfile.open(fileobj=archive, mode="w:gz", compresslevel=6) as tar:
            for name in selection.folders:
                tar.addfile(_member(name, tarfile.DIRTYPE, 0o755))
            for name, path in selection.files.items():
                _add(tar, name, path)
            for name, target in selection.links.items():
                link = _member(name, tarfile.SYMTYPE, 0o777)
                link.linkname = target
                tar.addfile(link)
    except BaseException:
        archive.close()
        raise
    archive.seek(0)
    return archive


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


def _member(name: str, kind: bytes, mode: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.mode = kind, mode
    return member


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
        raise unreadable(path, error) from None


def unreadable(path: Path, error: OSError) -> InvalidRequest:
    """Return the refusal of a file that cannot be read, and so cannot be sent."""
    return InvalidRequest(
        f"{str(path)!r} cannot be packed: {error.strerror or error}. Make it readable, or "
        "leave it out by a .headraceignore file."
    )
