"""Copies of whole stores, begun, cut short and gone on with."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from headrace.core.clock import now
from headrace.objects.filesystem import FilesystemStore
from headrace.objects.port import ObjectStore
from headrace.server.file_moves import Moved, copy_objects


async def chunks(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def content_of(store: ObjectStore, path: str) -> bytes:
    reader = await store.open(path)
    return b"".join([chunk async for chunk in reader])


async def date(store: ObjectStore, path: str, by: timedelta) -> None:
    """Have an object be of another time than now."""
    file = await store.local_path(path)
    assert file is not None
    at = (now() + by).timestamp()
    os.utime(file, (at, at))


@pytest.fixture
async def target(tmp_path: Path) -> AsyncIterator[FilesystemStore]:
    made = FilesystemStore(tmp_path / "target")
    yield made
    await made.close()


async def copied(source: ObjectStore, target: ObjectStore) -> int:
    moved = Moved("", "")
    await copy_objects(source, target, moved)
    return moved.copied


async def test_what_was_copied_is_not_copied_again_unless_it_was_replaced(
    files: FilesystemStore, target: FilesystemStore
) -> None:
    for path in ("kept", "replaced", "deleted"):
        await files.put(path, chunks(b"old"))
        await date(files, path, timedelta(days=-1))
    assert await copied(files, target) == 3
    # The clock of the target is five minutes ahead, so its copy looks newer than what comes.
    await date(target, "replaced", timedelta(minutes=5))
    await files.put("replaced", chunks(b"new"))
    await files.delete("deleted")
    assert await copied(files, target) == 1
    assert await content_of(target, "kept") == b"old"
    assert await content_of(target, "replaced") == b"new"
    assert [info.path for info in (await target.list()).items] == ["kept", "replaced"]
