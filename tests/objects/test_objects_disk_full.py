"""A disk that is full, or read-only, or has limits: clear errors, and nothing half made."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from proof.chaos.small_disk import SmallDisk, small_disk

from headrace.core.errors import Unavailable
from headrace.objects.filesystem import FilesystemStore

pytestmark = pytest.mark.system

BLOCK = 64 << 10


async def chunks(count: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * BLOCK


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk of 1 MiB and 60 files."""
    with small_disk(tmp_path / "small", "size=1m,nr_inodes=60") as found:
        if found is None:
            pytest.skip("a small disk needs the right to mount one")
        yield found


@pytest.fixture
def small(disk: SmallDisk) -> Path:
    return disk.folder


def staged(root: Path) -> list[Path]:
    return [path for path in (root / "staging").rglob("*") if path.is_file()]


async def test_full_disk(small: Path, tmp_path: Path) -> None:
    """Every way in fails with words, leaves the old object, and works once there is room."""
    store = FilesystemStore(small)
    file = tmp_path / "file"
    file.write_bytes(bytes(2 << 20))
    await store.put("a", chunks(4))
    for call in (
        lambda: store.put("a", chunks(40)),
        lambda: store.put("new/b", chunks(40)),
        lambda: store.put_file("a", file),
    ):
        with pytest.raises(Unavailable, match="data store's disk is full"):
            await call()
        assert not staged(small)
    assert file.exists()
    assert [(item.path, item.size) for item in (await store.list()).items] == [("a", 4 * BLOCK)]
    assert not (small / "objects" / "new").exists()
    await store.put("a", chunks(9))
    await store.close()


async def test_full_disk_while_parts_are_joined(small: Path) -> None:
    """The upload stays and can be completed when there is room again."""
    store = FilesystemStore(small)
    await store.put("ballast", chunks(5))
    upload_id = await store.begin_upload("k")
    for number in (1, 2):
        await store.put_part(upload_id, number, chunks(5))
    with pytest.raises(Unavailable, match="disk is full"):
        await store.put_part(upload_id, 3, chunks(5))
    room = os.statvfs(small).f_bfree
    for _ in range(2):
        with pytest.raises(Unavailable, match="disk is full"):
            await store.complete_upload(upload_id, [(1, None), (2, None)])
    assert os.statvfs(small).f_bfree == room
    assert await store.info("k") is None
    await store.delete("ballast")
    info = await store.complete_upload(upload_id, [(1, None), (2, None)])
    assert info.size == 10 * BLOCK
    await store.close()


async def test_no_room_for_folders(small: Path) -> None:
    store = FilesystemStore(small)
    with pytest.raises(Unavailable, match="disk is full"):
        await store.put("/".join("f" * 100), chunks(1))
    assert not list((small / "objects").iterdir())
    await store.close()


async def test_a_file_of_another_disk_is_copied(files: FilesystemStore, small: Path) -> None:
    (small / "file").write_text("x")
    assert (await files.put_file("a", small / "file")).size == 1
    assert not (small / "file").exists()


async def test_fetch_to_a_full_disk(files: FilesystemStore, small: Path) -> None:
    await files.put("a", chunks(40))
    with pytest.raises(Unavailable, match="disk that the object is copied to is full"):
        await files.fetch("a", small / "copy")
    assert not list(small.iterdir())


async def test_read_only_disk(disk: SmallDisk, small: Path) -> None:
    store = FilesystemStore(small)
    await store.put("a", chunks(1))
    disk.make_read_only()
    for call in (store.put("b", chunks(1)), store.delete("a"), store.begin_upload("c")):
        with pytest.raises(Unavailable, match="may not write"):
            await call
    assert b"".join([c async for c in await store.open("a")]) == b"x" * BLOCK
    with pytest.raises(Unavailable, match="may not write"):
        FilesystemStore(small)
    await store.close()


LIMITED = """
import asyncio, resource, sys
from pathlib import Path
from headrace.core.errors import TooLarge
from headrace.objects.filesystem import FilesystemStore

async def chunks():
    for _ in range(40):
        yield bytes(64 << 10)

async def main():
    store = FilesystemStore(Path(sys.argv[1]))
    try:
        await store.put("a", chunks())
    except TooLarge as error:
        print(error.message)
    assert (await store.list()).items == ()
    await store.close()

asyncio.run(main())
"""


async def test_files_of_limited_size(root: Path) -> None:
    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))

    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(root)],
        capture_output=True,
        text=True,
        check=True,
        preexec_fn=limit,
    )
    assert "larger than the data store's disk takes" in done.stdout
    assert not staged(root)


async def test_whether_files_can_be_written_is_tried_and_leaves_nothing(small: Path) -> None:
    store = FilesystemStore(small)
    await store.check()
    before = sorted(small.rglob("*"))
    with (small / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(b"x" * 1024):
            pass
    with pytest.raises(Unavailable, match="is full"):
        await store.check()
    (small / "filler").unlink()
    await store.check()
    assert sorted(small.rglob("*")) == before
    await store.close()
