"""What only a store on a disk can do wrong."""

from __future__ import annotations

import fcntl
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace.core.errors import Conflict, PermissionDenied, Unavailable
from headrace.objects.filesystem import FilesystemStore


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def test_a_file_that_could_not_be_stored_is_given_back(files, root, tmp_path) -> None:
    """The file was moved away already when its place turned out to be taken by a folder."""
    await files.put("a/c", chunks(b"c"))
    (root / "objects" / "a" / "\\files" / "b").mkdir()
    file = tmp_path / "file"
    file.write_text("mine")
    with pytest.raises(PermissionDenied):
        await files.put_file("a/b", file)
    assert file.read_text() == "mine"


async def test_a_consumed_file_on_the_same_disk_is_moved(files, root, tmp_path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    inode = file.stat().st_ino
    await files.put_file("a", file)
    local = await files.local_path("a")
    assert local == root / "objects" / "\\files" / "a"
    assert local.stat().st_ino == inode


async def test_a_part_sent_again_takes_no_more_room(files, root) -> None:
    upload_id = await files.begin_upload("k")
    for data in (b"1", b"22", b"333"):
        await files.put_part(upload_id, 1, chunks(data))
    parts = [path for path in (root / "uploads" / upload_id).iterdir() if path.name != "target"]
    assert [path.read_bytes() for path in parts] == [b"333"]


async def test_a_completion_that_was_killed_can_be_repeated(files, root) -> None:
    """Such a one leaves the first part with some of the others behind it."""
    upload_id = await files.begin_upload("k")
    for number in (1, 2):
        await files.put_part(upload_id, number, chunks(b"%d" % number))
    (first,) = (root / "uploads" / upload_id).glob("00001-*")
    first.write_bytes(b"12 and more")
    await files.complete_upload(upload_id, [(1, None), (2, None)], 2)
    assert b"".join([chunk async for chunk in await files.open("k")]) == b"12"


@pytest.mark.parametrize("damage", [b"", b"1"])
async def test_a_damaged_part_makes_no_object(files, root, damage) -> None:
    upload_id = await files.begin_upload("k")
    for number in (1, 2):
        await files.put_part(upload_id, number, chunks(b"1234"))
    for part in (root / "uploads" / upload_id).glob("0000*"):
        os.truncate(part, len(damage))
    with pytest.raises(Unavailable, match="failed"):
        await files.complete_upload(upload_id, [(1, None), (2, None)])
    assert await files.info("k") is None


async def test_an_upload_in_use_by_another_process(files, root) -> None:
    """Parts may come in from several processes; completing is for one, and alone."""
    upload_id = await files.begin_upload("k")
    await files.put_part(upload_id, 1, chunks(b"1"))
    descriptor = os.open(root / "uploads" / upload_id, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        await files.put_part(upload_id, 2, chunks(b"2"))
        with pytest.raises(Conflict, match="in use"):
            await files.complete_upload(upload_id, [(1, None), (2, None)])
        assert await files.discard_stale_uploads(-1) == 0
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="in use"):
            await files.put_part(upload_id, 3, chunks(b"3"))
    finally:
        os.close(descriptor)
    await files.complete_upload(upload_id, [(1, None), (2, None)])


async def test_empty_folders_do_not_stay(files, root) -> None:
    await files.put("a/b/c", chunks(b""))
    await files.put("a/d", chunks(b""))
    await files.delete("a/b/c")
    assert [path.name for path in (root / "objects" / "a").iterdir()] == ["\\files"]
    await files.delete_tree("a")
    assert not list((root / "objects").iterdir())


async def test_a_store_may_lie_behind_a_link(tmp_path: Path) -> None:
    """The administrator's own links above the store are followed."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    store = FilesystemStore(tmp_path / "link" / "store")
    await store.put("a", chunks(b"a"))
    assert (await store.info("a")) is not None
    await store.close()
    assert (tmp_path / "disk" / "store" / "objects" / "\\files" / "a").exists()


def test_a_root_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match=r"disk of .*file.* failed: Not a directory"):
        FilesystemStore(tmp_path / "file" / "store")
