"""Files that travel in pieces, each asked for by whoever needs the file."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from headrace.core.errors import Unavailable
from headrace.engines.ray.messages import PIECE_BYTES
from headrace.engines.ray.peer import Answer

AskFrom = Callable[[int], Awaitable[Answer]]
"""Asks for the piece that begins at an offset."""


async def fetch(ask: AskFrom, target: Path) -> None:
    """Bring a file of the other side to a path, whose folder is made.

    Raises:
        PeerGone: The other side is gone.
        Unavailable: It cannot read the file, or this disk cannot keep it.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            offset, is_last = 0, False
            while not is_last:
                answer = await ask(offset)
                await asyncio.to_thread(file.write, answer.payload)
                offset += len(answer.payload)
                is_last = answer.header["is_last"]
    except OSError as error:
        why = error.strerror or str(error)
        raise Unavailable(f"{target.name!r} cannot be written here: {why}.") from error


async def piece(path: Path, offset: int) -> Answer:
    """Return the piece of a file that begins at an offset.

    Raises:
        Unavailable: It cannot be read.
    """
    try:
        found = await asyncio.to_thread(_read, path, offset)
    except OSError as error:
        why = error.strerror or str(error)
        raise Unavailable(f"{path.name!r} cannot be read: {why}.") from error
    return Answer({"is_last": len(found) < PIECE_BYTES}, found)


def _read(path: Path, offset: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        return file.read(PIECE_BYTES)
