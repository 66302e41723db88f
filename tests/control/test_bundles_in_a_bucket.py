"""Bundles in a bucket: there before they are acknowledged, and fetched when they are not here."""

from __future__ import annotations

import asyncio
import io
import os
import shutil
import tarfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from headrace.bundles.store import BundleStore
from headrace.control.bucket_bundles import USED_LATELY_S, BucketBundles, path_of
from headrace.core.errors import Unavailable
from headrace.core.objects import ObjectInfo
from headrace.objects.filesystem import FilesystemStore

# No records are asked.
pytestmark = pytest.mark.once

LIMITLESS = 1 << 40


class Away(FilesystemStore):
    """A store that cannot be written to while it is away."""

    is_away = False

    async def put(
        self, path: str, source: AsyncIterator[bytes], *, size_limit: int | None = None
    ) -> ObjectInfo:
        if self.is_away:
            raise Unavailable("The bucket cannot be reached.")
        return await super().put(path, source, size_limit=size_limit)


class Ground:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "bundles"
        self.bucket = Away(root / "bucket")
        self.here = BundleStore(self.folder)
        self.bundles = BucketBundles(self.here, self.bucket, root / "staging")

    def archive(self, content: bytes) -> Path:
        target = self.root / "sent.tgz"
        with tarfile.open(target, "w:gz") as tar:
            member = tarfile.TarInfo("main.py")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        return target

    def age(self, digest: str, seconds: float) -> None:
        then = time.time() - seconds
        os.utime(self.folder / digest, (then, then))


@pytest.fixture
async def ground(tmp_path: Path) -> AsyncIterator[Ground]:
    made = Ground(tmp_path)
    yield made
    await made.bucket.close()


async def test_a_bundle_is_in_the_bucket_before_it_is_acknowledged(ground: Ground) -> None:
    bundle = await ground.bundles.keep(ground.archive(b"x = 1\n"))
    shutil.rmtree(ground.folder)
    for look in (ground.bundles.find, ground.bundles.sound):
        found = await look(bundle.digest)
        assert found == bundle
        assert (found.folder / "main.py").read_bytes() == b"x = 1\n"
        shutil.rmtree(ground.folder)
    ground.bucket.is_away = True
    with pytest.raises(Unavailable):
        await ground.bundles.keep(ground.archive(b"x = 2\n"))


async def test_many_who_ask_at_once_get_the_same_copy(ground: Ground) -> None:
    bundle = await ground.bundles.keep(ground.archive(b"x = 1\n"))
    shutil.rmtree(ground.folder)
    found = await asyncio.gather(*(ground.bundles.sound(bundle.digest) for _ in range(8)))
    assert found == [bundle] * 8


@pytest.mark.parametrize("damage", ["folder", "archive", "both", "changed"])
async def test_a_copy_that_is_not_whole_is_made_whole(ground: Ground, damage: str) -> None:
    bundle = await ground.bundles.keep(ground.archive(b"x = 1\n"))
    if damage in {"folder", "both"}:
        shutil.rmtree(bundle.folder)
    if damage in {"archive", "both"}:
        bundle.archive.write_bytes(b"no archive")
    if damage == "changed":
        (bundle.folder / "main.py").write_bytes(b"evil")
        bundle.archive.write_bytes(b"no archive")
    found = await ground.bundles.sound(bundle.digest)
    assert found is not None
    assert (found.folder / "main.py").read_bytes() == b"x = 1\n"


async def test_what_the_bucket_has_under_a_wrong_name_is_not_used(ground: Ground) -> None:
    bundle = await ground.bundles.keep(ground.archive(b"x = 1\n"))
    other = await ground.bundles.keep(ground.archive(b"evil\n"))
    await ground.bucket.fetch(path_of(other.digest), ground.root / "copy")
    await ground.bucket.put_file(path_of(bundle.digest), ground.root / "copy")
    shutil.rmtree(ground.folder)
    assert await ground.bundles.find(bundle.digest) is None
    assert await ground.bundles.find("../../etc") is None
    assert await ground.bundles.find("0" * 64) is None


async def test_copies_that_were_not_used_for_longest_go_first(ground: Ground) -> None:
    digests = []
    for number in range(4):
        bundle = await ground.bundles.keep(ground.archive(os.urandom(50_000)))
        digests.append(bundle.digest)
        ground.age(bundle.digest, USED_LATELY_S + 1000 - number)
    oldest, second, third, _ = digests
    assert await ground.bundles.shrink(LIMITLESS, ()) == []
    # Each is some 100 kB: two of them have to go, and the oldest is at work.
    assert await ground.bundles.shrink(250_000, {oldest}) == sorted([second, third])
    assert ground.here.digests() == {oldest, digests[3]}
    assert await ground.bundles.find(second) is not None
    # It was used just now.
    assert second not in await ground.bundles.shrink(1, {oldest})


async def test_a_copy_that_is_nowhere_else_stays_until_it_is_sent(ground: Ground) -> None:
    bundle = ground.here.keep(ground.archive(b"x = 1\n"))
    unused = ground.here.keep(ground.archive(b"x = 2\n"))
    ground.age(bundle.digest, USED_LATELY_S + 1000)
    assert await ground.bundles.shrink(1, ()) == []
    assert await ground.bundles.send_missing({bundle.digest, "0" * 64}) == 1
    assert await ground.bundles.digests() == {bundle.digest}
    assert await ground.bundles.shrink(1, ()) == [bundle.digest]
    assert ground.here.digests() == {unused.digest}


async def test_unused_ones_go_from_the_bucket_too(ground: Ground) -> None:
    used = await ground.bundles.keep(ground.archive(b"x = 1\n"))
    unused = await ground.bundles.keep(ground.archive(b"x = 2\n"))
    assert await ground.bundles.discard_unused({used.digest}, grace_s=3600) == []
    gone = await ground.bundles.discard_unused({used.digest}, grace_s=-60)
    assert gone == [unused.digest]
    assert await ground.bundles.digests() == {used.digest}
    assert await ground.bundles.find(unused.digest) is None
