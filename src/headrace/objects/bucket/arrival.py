"""Objects on their way to a bucket: each is a file without a name until it is whole."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from headrace.objects.disk import Disk, receive, write_all
from headrace.objects.slots import LateSlot


async def received(
    disk: Disk,
    folder: Path,
    source: AsyncIterator[bytes],
    size_limit: int | None,
    slot: LateSlot,
) -> Any:
    """Return an open file that holds all chunks and stands at its beginning.

    Nothing of it is left when it is closed, or when the process dies.

    Raises:
        TooLarge: The chunks exceed ``size_limit`` bytes.
        Unavailable: The disk is full, or refuses.
    """
    staged = await disk.acquire(lambda: _nameless(folder), lambda file: file.close())
    try:
        await receive(
            disk,
            source,
            lambda chunks: write_all(staged.fileno(), chunks),
            size_limit=size_limit,
            ready=slot.take,
        )
        staged.seek(0)
    except BaseException:
        staged.close()
        raise
    return staged


def _nameless(folder: Path) -> Any:
    return tempfile.TemporaryFile(dir=folder, buffering=0)
