"""The local ends of a transfer: files and file objects, read and written with care."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

from headrace.core.errors import InvalidValue

_UNITS = ("B", "KB", "MB", "GB", "TB")


def readable(source: Any, opened: ExitStack) -> BinaryIO:
    """Return a file that can be read; ``opened`` closes it if it was opened here.

    Raises:
        InvalidValue: It is neither a path nor a binary object that can be read.
        OSError: There is no such file, or it cannot be read.
    """
    if isinstance(source, str | os.PathLike):
        return opened.enter_context(Path(source).open("rb"))
    if not callable(getattr(source, "read", None)):
        raise InvalidValue(
            "filepath_or_buffer must be a path or a readable binary object, not "
            f"{type(source).__name__}."
        )
    if not isinstance(source.read(0), bytes):
        raise InvalidValue("The file to upload is open as text: open it with mode 'rb'.")
    return cast("BinaryIO", source)


def read_fully(file: BinaryIO, size: int) -> bytes:
    """Return the next ``size`` bytes; fewer only at the end, whatever the file gives at a time."""
    pieces: list[bytes] = []
    left = size
    while left and (piece := file.read(left)):
        pieces.append(piece)
        left -= len(piece)
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def rewound_size(file: BinaryIO) -> int | None:
    """Go to the beginning of a file and return the bytes that it has; None for a pipe."""
    if not can_seek(file):
        return None
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size


def can_seek(file: BinaryIO) -> bool:
    """Check whether a file can be read or written again from its beginning."""
    can = getattr(file, "seekable", None)
    return can is not None and bool(can())


@contextmanager
def written(target: Path) -> Iterator[BinaryIO]:
    """Open a file to be written, which appears under its name once it is whole, or not at all.

    Raises:
        OSError: It cannot be written.
    """
    place = target.resolve()
    if place.exists() and not place.is_file():
        # A pipe or a device is written to as it is; a folder is refused.
        with place.open("wb") as file:
            yield file
        return
    draft = place.with_name(f".{place.name[:50]}.{os.getpid()}.part")
    try:
        with draft.open("wb") as file:
            yield file
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)


class _Counted:
    def __init__(self, target: BinaryIO, advance: Callable[[int], None]) -> None:
        self._target = target
        self._advance = advance

    def write(self, piece: bytes) -> None:
        self._target.write(piece)
        self._advance(len(piece))


def counted(target: BinaryIO, advance: Callable[[int], None]) -> BinaryIO:
    """Return a target that passes on what is written to it, and tells how many bytes that was."""
    return cast("BinaryIO", _Counted(target, advance))


def size_text(size: int) -> str:
    """Return a number of bytes as people read it, such as ``1.50 KB``; 1 KB is 1024 bytes."""
    value, unit = float(size), 0
    while value >= 1024 and unit < len(_UNITS) - 1:
        value, unit = value / 1024, unit + 1
    return f"{value:.2f} {_UNITS[unit]}"
