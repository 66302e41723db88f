"""Attached files are kept while something has them, and no longer."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace.control.attached_files import AttachedFiles
from headrace.core.attachments import Attachment, attachment, object_of
from headrace.core.errors import InvalidEnvironment
from headrace.objects.filesystem import FilesystemStore

HOUR_S = 3600


@pytest.fixture
async def data_store(tmp_path: Path) -> AsyncIterator[FilesystemStore]:
    store = FilesystemStore(tmp_path / "data-store")
    yield store
    await store.close()


@pytest.fixture
def attached(tmp_path: Path, data_store: FilesystemStore) -> AttachedFiles:
    (tmp_path / "attachments").mkdir()
    return AttachedFiles(tmp_path / "attachments", data_store)


async def sent(data_store: FilesystemStore, tmp_path: Path, content: bytes) -> Attachment:
    file = tmp_path / "sent"
    file.write_bytes(content)
    one = attachment("model", hashlib.sha256(content).hexdigest(), len(content))
    await data_store.put_file(one.object, file)
    return one


def age(root: Path, by_s: float) -> None:
    then = time.time() - by_s
    for path in root.rglob("*"):
        os.utime(path, (then, then), follow_symlinks=False)


async def test_unused_ones_go_with_their_objects_after_a_while(
    tmp_path: Path, data_store: FilesystemStore, attached: AttachedFiles
) -> None:
    used, unused = [await sent(data_store, tmp_path, content) for content in (b"1", b"2")]
    for one in (used, unused):
        assert (await attached.sound(one)).read_bytes() in {b"1", b"2"}
    (tmp_path / "sent").write_bytes(b"mine")
    await data_store.put_file("attachments/mine", tmp_path / "sent")
    assert await attached.discard_unused({used.digest}, unused_for_s=HOUR_S) == []
    age(tmp_path, 2 * HOUR_S)
    assert await attached.discard_unused({used.digest}, unused_for_s=HOUR_S) == [unused.digest]
    assert attached.find(unused) is None
    assert not await attached.is_kept(unused)
    assert await attached.is_kept(used)
    assert await data_store.info("attachments/mine") is not None
    assert await data_store.info(object_of(used.digest)) is not None
    with pytest.raises(InvalidEnvironment, match="attach it again"):
        await attached.sound(unused)


async def test_one_that_was_just_asked_for_stays(
    tmp_path: Path, data_store: FilesystemStore, attached: AttachedFiles
) -> None:
    one = await sent(data_store, tmp_path, b"1")
    await attached.sound(one)
    age(tmp_path / "attachments", 2 * HOUR_S)
    await attached.sound(one)
    assert await attached.discard_unused(set(), unused_for_s=HOUR_S) == []


async def test_a_damaged_one_is_fetched_again_and_a_touched_one_is_not(
    tmp_path: Path, data_store: FilesystemStore, attached: AttachedFiles
) -> None:
    one = await sent(data_store, tmp_path, b"content")
    place = await attached.sound(one)
    assert place.stat().st_mode & 0o777 == 0o444
    place.chmod(0o600)
    place.write_bytes(b"damaged")
    assert (await attached.sound(one)).read_bytes() == b"content"
    await data_store.delete(one.object)
    os.utime(place, (1, 1))
    assert (await attached.sound(one)).read_bytes() == b"content"
    place.with_name(f"{place.name}.stamp").unlink()
    assert (await attached.sound(one)).read_bytes() == b"content"


async def test_what_is_not_what_its_name_says_is_not_used(
    tmp_path: Path, data_store: FilesystemStore, attached: AttachedFiles
) -> None:
    one = await sent(data_store, tmp_path, b"content")
    (tmp_path / "sent").write_bytes(b"another")
    await data_store.put_file(one.object, tmp_path / "sent")
    with pytest.raises(InvalidEnvironment, match="not what its name says"):
        await attached.sound(one)
    assert attached.find(one) is None
    assert list((tmp_path / "attachments").iterdir()) == []


async def test_what_an_interrupted_fetch_left_goes_at_the_start(
    tmp_path: Path, attached: AttachedFiles
) -> None:
    (tmp_path / "attachments" / ".incoming-1").write_bytes(b"part")
    attached.sweep()
    assert list((tmp_path / "attachments").iterdir()) == []
