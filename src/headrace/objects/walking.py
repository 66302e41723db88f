"""All objects of a store, and files as sources of objects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from headrace.core.objects import ObjectInfo
from headrace.objects.port import ObjectStore

_CHUNK = 1 << 20


async def every_object(store: ObjectStore, folder: str | None = None) -> AsyncIterator[ObjectInfo]:
    """Yield the objects of a store, or those in a folder of it, in the order of their paths."""
    after: str | None = None
    while True:
        page = await store.list(folder, after)
        for info in page.items:
            yield info
        after = page.next_after
        if after is None:
            return


async def file_chunks(path: Path) -> AsyncIterator[bytes]:
    """Yield the content of a file, for :meth:`headrace.objects.port.ObjectStore.put`.

    Raises:
        FileNotFoundError: There is no such file.
    """
    with await asyncio.to_thread(path.open, "rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
