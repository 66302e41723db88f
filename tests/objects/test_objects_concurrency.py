"""Stores while many do things at the same time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace.core.errors import Conflict, NotFound
from headrace.objects.filesystem import FilesystemStore
from headrace.objects.port import ObjectStore

BLOCK = 64 << 10


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        await asyncio.sleep(0)
        yield part


def version(number: int) -> list[bytes]:
    """Return an object whose size and bytes both say its number, of over 1 MiB."""
    return [bytes([number]) * BLOCK] * (20 + number)


async def read_version(store: ObjectStore, path: str) -> int | None:
    """Return the number of the version that is there; fails on a mixture."""
    try:
        reader = await store.open(path)
    except NotFound:
        return None
    data = b"".join([chunk async for chunk in reader])
    number = data[0]
    assert data == b"".join(version(number))
    return number


async def test_readers_never_see_a_piece(files: FilesystemStore) -> None:
    """Only here: the server of buckets of the suite forgets what it sends when it is replaced."""
    store: ObjectStore = files
    writing = True

    async def write(seed: int) -> None:
        order = random.Random(seed)
        for _ in range(8):
            if order.random() < 0.3:
                await store.delete("a/b/c")
            await store.put("a/b/c", chunks(*version(order.randrange(10))))

    async def watch() -> int:
        seen = 0
        while writing:
            seen += await read_version(store, "a/b/c") is not None
        return seen

    watchers = [asyncio.create_task(watch()) for _ in range(2)]
    await asyncio.gather(*(write(seed) for seed in range(3)))
    writing = False
    assert min(await asyncio.gather(*watchers)) > 0


async def test_puts_survive_deletes_of_their_neighbours(store: ObjectStore) -> None:
    """A folder that a delete finds empty may be the one that a put is about to use."""

    async def come_and_go(name: str) -> None:
        for _ in range(30):
            path = f"x/y/z/{name}"
            await store.put(path, chunks(name.encode()))
            assert await store.info(path) is not None
            assert await store.delete(path)

    await asyncio.gather(*(come_and_go(str(n)) for n in range(8)))
    assert (await store.list()).items == ()


async def test_two_processes_share_a_folder(files: FilesystemStore, root: Path) -> None:
    """The same with two stores, as two processes have them; neither sweeps the other's files."""
    other = FilesystemStore(root)

    async def come_and_go(store: FilesystemStore, name: str) -> None:
        for _ in range(20):
            await store.put(f"x/y/{name}", chunks(*[name.encode()] * 20))
            await store.sweep()
            assert await store.delete(f"x/y/{name}")

    try:
        await asyncio.gather(
            *(come_and_go(store, f"{n}") for n, store in enumerate([files, other] * 2))
        )
    finally:
        await other.close()


async def test_delete_tree_beside_puts(store: ObjectStore) -> None:
    """Every put is acknowledged, and nothing is half there, while the tree keeps going away."""
    putting = True

    async def put(name: str) -> None:
        for number in range(15):
            await store.put(f"x/y/{name}", chunks(*version(number % 5)))
            await read_version(store, f"x/y/{name}")

    async def delete() -> None:
        while putting:
            await store.delete_tree("x")

    deleting = asyncio.create_task(delete())
    await asyncio.gather(*(put(str(n)) for n in range(4)))
    putting = False
    await deleting
    await store.delete_tree("x")
    assert (await store.list()).items == ()


async def test_parts_arrive_at_the_same_time(store: ObjectStore) -> None:
    upload_id = await store.begin_upload("big")
    numbers = range(1, 9)
    etags = await asyncio.gather(
        *(store.put_part(upload_id, n, chunks(*version(n))) for n in [*numbers, *numbers])
    )
    await store.complete_upload(upload_id, list(zip(numbers, etags, strict=False)))
    data = b"".join([chunk async for chunk in await store.open("big")])
    assert data == b"".join(block for n in numbers for block in version(n))


async def test_one_of_many_completes_an_upload(store: ObjectStore) -> None:
    upload_id = await store.begin_upload("big")
    for number in (1, 2):
        await store.put_part(upload_id, number, chunks(*version(number) * 10))
    results = await asyncio.gather(
        *(store.complete_upload(upload_id, [(1, None), (2, None)]) for _ in range(5)),
        return_exceptions=True,
    )
    assert sum(not isinstance(result, BaseException) for result in results) == 1
    assert all(isinstance(r, Conflict | NotFound) for r in results if isinstance(r, BaseException))


async def test_a_cancelled_completion_can_be_repeated(store: ObjectStore) -> None:
    upload_id = await store.begin_upload("big")
    for number in (1, 2, 3):
        await store.put_part(upload_id, number, chunks(*version(number) * 8))
    asked = [(1, None), (2, None), (3, None)]
    for turns in (1, 3, 5, 20):
        task = asyncio.create_task(store.complete_upload(upload_id, asked))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await store.info("big") is None
    info = await store.complete_upload(upload_id, asked)
    assert info.size == sum(len(version(n)) * 8 * BLOCK for n in (1, 2, 3))
