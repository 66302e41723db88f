"""Files that are open at once are bounded, so that descriptors are left for other things."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from headrace.core.errors import Unavailable
from headrace.objects import slots as slots_room
from headrace.objects.filesystem import FilesystemStore
from headrace.objects.slots import FEWEST, SHARE


@pytest.fixture
def few() -> Iterator[int]:
    """Descriptors of this process: fewer than there will be callers."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    least = max(int(path.name) for path in Path("/proc/self/fd").iterdir()) + 60
    resource.setrlimit(resource.RLIMIT_NOFILE, (least, before[1]))
    yield least
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
async def store(tmp_path: Path, few: int) -> AsyncIterator[FilesystemStore]:
    assert few // SHARE < 60
    made = FilesystemStore(tmp_path / "store")
    yield made
    await made.close()


async def chunks(*parts: bytes, gate: asyncio.Event | None = None) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
    if gate is not None:
        await gate.wait()


async def test_many_callers_put_and_fetch_at_once(store: FilesystemStore, tmp_path: Path) -> None:
    paths = [f"many/{number}" for number in range(300)]
    sizes = (0, 10, 1_100_000)
    await asyncio.gather(
        *(store.put(path, chunks(bytes(sizes[n % 3]))) for n, path in enumerate(paths))
    )
    await asyncio.gather(*(store.fetch(path, tmp_path / path[5:]) for path in paths[:100]))
    (tmp_path / "files").mkdir()
    files = [tmp_path / "files" / str(number) for number in range(100)]
    for file in files:
        file.write_bytes(b"x")
    await asyncio.gather(*(store.put_file(f"files/{f.name}", f) for f in files))

    async def read(path: str) -> int:
        return sum([len(chunk) async for chunk in await store.open(path)])

    found = await asyncio.gather(*(read(path) for path in paths))
    assert found == [sizes[n % 3] for n in range(300)]


async def test_a_caller_who_sends_nothing_yet_holds_no_file(store: FilesystemStore) -> None:
    gate = asyncio.Event()
    waiting = [
        asyncio.create_task(store.put(f"slow/{n}", chunks(b"some", gate=gate))) for n in range(100)
    ]
    await asyncio.sleep(0.05)
    await store.put("quick", chunks(b"quick"))
    gate.set()
    await asyncio.gather(*waiting)


async def test_who_waits_too_long_for_others_is_told(
    store: FilesystemStore, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots_room, "PATIENCE_S", 0.1)
    await store.put("object", chunks(b"some"))
    readers = [await store.open("object") for _ in range(max(FEWEST, few // SHARE))]
    with pytest.raises(Unavailable, match="try again"):
        await store.open("object")
    for reader in readers:
        await reader.aclose()
        await reader.aclose()
    for _ in range(3 * len(readers)):
        reader = await store.open("object")
        await reader.aclose()
