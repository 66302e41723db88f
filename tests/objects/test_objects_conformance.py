"""What every store of objects does."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from headrace.core.errors import InvalidRequest, NotFound, TooLarge
from headrace.objects.port import MAX_PARTS, ObjectReader, ObjectStore

MIB = 1 << 20


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def read(reader: ObjectReader) -> bytes:
    return b"".join([chunk async for chunk in reader])


async def content(store: ObjectStore, path: str) -> bytes:
    return await read(await store.open(path))


async def paths(store: ObjectStore, folder: str | None = None, limit: int = 1000) -> list[str]:
    found: list[str] = []
    after: str | None = None
    while True:
        page = await store.list(folder, after, limit)
        assert len(page.items) <= limit
        found += [item.path for item in page.items]
        if page.next_after is None:
            return found
        after = page.next_after


async def test_put_then_read(store: ObjectStore) -> None:
    before = datetime.now(UTC) - timedelta(seconds=1)
    info = await store.put("a/b.txt", chunks(b"hello ", b"", b"world"))
    assert (info.path, info.size) == ("a/b.txt", 11)
    assert before <= info.last_modified <= datetime.now(UTC) + timedelta(seconds=1)
    assert info.last_modified.tzinfo is UTC
    assert await content(store, "a/b.txt") == b"hello world"
    assert await store.info("a/b.txt") == info


async def test_a_store_that_can_be_used_says_what_was_tried(store: ObjectStore) -> None:
    assert await store.check()
    assert await paths(store) == []


async def test_put_replaces(store: ObjectStore) -> None:
    await store.put("a", chunks(b"a long old text"))
    await store.put("a", chunks(b"new"))
    assert await content(store, "a") == b"new"


async def test_an_object_may_be_empty(store: ObjectStore) -> None:
    assert (await store.put("empty", chunks())).size == 0
    assert await content(store, "empty") == b""


async def test_many_small_and_large_chunks_keep_their_order(store: ObjectStore) -> None:
    parts = [bytes([n % 251]) * (n % 7) for n in range(5000)] + [os.urandom(3 * MIB + 1)]
    await store.put("x", chunks(*parts))
    assert await content(store, "x") == b"".join(parts)


async def test_leading_slash_is_the_same_object(store: ObjectStore) -> None:
    assert (await store.put("/a/b", chunks(b"1"))).path == "a/b"
    assert await content(store, "a/b") == b"1"


async def test_an_object_and_a_folder_of_the_same_name(store: ObjectStore) -> None:
    for path in ("a/b", "a", "a/b/c"):
        await store.put(path, chunks(path.encode()))
    assert await paths(store) == ["a", "a/b", "a/b/c"]
    assert await store.delete("a/b")
    assert await content(store, "a") == b"a"
    assert await content(store, "a/b/c") == b"a/b/c"


@pytest.mark.parametrize(
    "names", [("Ab", "ab", "AB"), ("\u00e9", "e\u0301"), ("x ", "x"), ("\u212b", "\u00c5")]
)
async def test_similar_names_stay_apart(store: ObjectStore, names: tuple[str, ...]) -> None:
    for name in names:
        await store.put(f"f/{name}", chunks(name.encode()))
    for name in names:
        assert await content(store, f"f/{name}") == name.encode()
    assert len(await paths(store)) == len(names)


async def test_longest_path_and_deepest_path(store: ObjectStore, longest_path: int) -> None:
    for path in ("/".join(["s" * 255] * 4)[-longest_path:], "/".join("a" * (longest_path // 2))):
        await store.put(path, chunks(b"x"))
        assert await content(store, path) == b"x"
        assert await paths(store, path.split("/")[0]) == [path]
        await store.delete_tree(path.split("/")[0])
    assert await paths(store) == []


async def test_size_limit(store: ObjectStore) -> None:
    await store.put("a", chunks(b"old"))
    with pytest.raises(TooLarge, match="limit of 4 bytes"):
        await store.put("a", chunks(b"123", b"45"), size_limit=4)
    assert await content(store, "a") == b"old"
    await store.put("a", chunks(b"1234"), size_limit=4)
    assert await content(store, "a") == b"1234"


async def test_failing_source_changes_nothing(store: ObjectStore) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 2 * MIB
        raise ConnectionResetError

    await store.put("a", chunks(b"old"))
    for path in ("a", "new/b"):
        with pytest.raises(ConnectionResetError):
            await store.put(path, broken())
    assert await content(store, "a") == b"old"
    assert await paths(store) == ["a"]


async def test_cancelled_put_changes_nothing(store: ObjectStore) -> None:
    started = asyncio.Event()

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(MIB)
            started.set()

    task = asyncio.create_task(store.put("a", endless()))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await paths(store) == []


@pytest.mark.parametrize(
    ("offset", "length", "expected"),
    [
        (0, None, b"0123456789"),
        (3, None, b"3456789"),
        (3, 4, b"3456"),
        (8, 9, b"89"),
        (10, None, b""),
        (10, 5, b""),
        (0, 0, b""),
    ],
)
async def test_ranges(store: ObjectStore, offset: int, length: int | None, expected: bytes) -> None:
    await store.put("a", chunks(b"0123456789"))
    reader = await store.open("a", offset, length)
    assert (reader.length, reader.info.size) == (len(expected), 10)
    assert await read(reader) == expected


@pytest.mark.parametrize(("offset", "length"), [(11, None), (-1, None), (0, -1)])
async def test_ranges_outside(store: ObjectStore, offset: int, length: int | None) -> None:
    await store.put("a", chunks(b"0123456789"))
    with pytest.raises(InvalidRequest, match="range"):
        await store.open("a", offset, length)


async def test_a_reader_keeps_the_object_that_it_opened(store: ObjectStore) -> None:
    await store.put("a", chunks(b"x" * 3 * MIB))
    reader = await store.open("a")
    await store.put("a", chunks(b"new"))
    await store.delete("a")
    assert await read(reader) == b"x" * 3 * MIB


async def test_a_reader_may_be_closed_early_and_twice(store: ObjectStore) -> None:
    await store.put("a", chunks(b"x" * 3 * MIB))
    reader = await store.open("a")
    await anext(aiter(reader))
    await reader.aclose()
    await reader.aclose()


async def test_fetch_gives_a_private_copy(store: ObjectStore, tmp_path: Path) -> None:
    data = os.urandom(9 * MIB)
    await store.put("a", chunks(data))
    copy = tmp_path / "copy"
    copy.write_bytes(b"old and in the way")
    info = await store.fetch("a", copy)
    assert info.size == len(data)
    assert copy.read_bytes() == data
    copy.write_bytes(b"changed")
    assert await content(store, "a") == data


async def test_fetch_does_not_write_through_a_link(store: ObjectStore, tmp_path: Path) -> None:
    await store.put("a", chunks(b"new"))
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "link").symlink_to("precious")
    await store.fetch("a", tmp_path / "link")
    assert (tmp_path / "precious").read_text() == "precious"


async def test_local_path_if_any_holds_the_object(store: ObjectStore) -> None:
    await store.put("a/b", chunks(b"x"))
    local = await store.local_path("a/b")
    assert local is None or local.read_bytes() == b"x"
    assert await store.local_path("a/c") is None


async def test_what_is_not_there(store: ObjectStore, tmp_path: Path) -> None:
    await store.put("a/b", chunks(b"x"))
    for path in ("a", "b", "a/b/c", "a/bb"):
        assert await store.info(path) is None
        assert not await store.delete(path)
        with pytest.raises(NotFound, match=path):
            await store.open(path)
        with pytest.raises(NotFound, match=path):
            await store.fetch(path, tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("links", [1, 2])
async def test_put_file(store: ObjectStore, tmp_path: Path, links: int) -> None:
    file = tmp_path / "file"
    data = os.urandom(9 * MIB)
    file.write_bytes(data)
    os.utime(file, (0, 0))
    if links == 2:
        (tmp_path / "other").hardlink_to(file)
    info = await store.put_file("a/b", file)
    assert info.size == len(data)
    assert info.last_modified > datetime(2020, 1, 1, tzinfo=UTC)
    assert await store.info("a/b") == info
    assert not file.exists()
    if links == 2:
        (tmp_path / "other").write_bytes(b"changed later")
    assert await content(store, "a/b") == data


async def test_put_file_takes_only_regular_files(store: ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "link").symlink_to("secret")
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "folder", "pipe", "missing"):
        with pytest.raises(InvalidRequest, match=name):
            await store.put_file("a", tmp_path / name)
    assert await paths(store) == []
    assert sorted(p.name for p in tmp_path.iterdir() if p.name != "store") == [
        *("folder", "link", "pipe", "secret")
    ]


async def test_listing_is_in_byte_order_of_full_paths(store: ObjectStore) -> None:
    names = ["a", "a.b", "a/b", "a/b.c", "a/b/c", "a b", "a-", "a0", "B", "\u00e9", "z/\U0001f40b"]
    for name in names:
        await store.put(name, chunks(b""))
    expected = sorted(names, key=str.encode)
    assert expected.index("a.b") < expected.index("a/b") < expected.index("a0")
    for limit in (1, 2, 3, 1000):
        assert await paths(store, limit=limit) == expected


async def test_listing_a_folder_takes_whole_segments(store: ObjectStore) -> None:
    for name in ("a", "a/b", "a/b/c", "ab/c", "a.b", "a/bc"):
        await store.put(name, chunks(b""))
    assert await paths(store, "a") == ["a/b", "a/b/c", "a/bc"]
    assert await paths(store, "/a/b/") == ["a/b/c"]
    assert await paths(store, "c") == []
    assert await paths(store, "") == await paths(store, "/") == await paths(store)


async def test_listing_after_any_text(store: ObjectStore) -> None:
    for name in ("a/1", "a/2", "b"):
        await store.put(name, chunks(b""))

    async def found(folder: str | None, after: str) -> list[str]:
        return [item.path for item in (await store.list(folder, after)).items]

    assert await found(None, "a/1") == ["a/2", "b"]
    assert await found(None, "a/1/x") == ["a/2", "b"]
    assert await found(None, "a0") == ["b"]
    assert await found("a", "Z") == ["a/1", "a/2"]
    assert await found("a", "b") == []
    assert await found(None, "../\x00\ud800") == ["a/1", "a/2", "b"]


async def test_listing_continues_while_objects_come_and_go(store: ObjectStore) -> None:
    for n in range(20):
        await store.put(f"f{n % 3}/{n:02}", chunks(b""))
    stable = {f"f{n % 3}/{n:02}" for n in range(20) if n % 2}
    seen: list[str] = []
    after: str | None = None
    while True:
        page = await store.list(None, after, 3)
        seen += [item.path for item in page.items]
        after = page.next_after
        if after is None:
            break
        if after not in stable:
            await store.delete(after)
        await store.put(f"f0/new{len(seen)}", chunks(b""))
    assert all(left.encode() < right.encode() for left, right in pairwise(seen))
    assert stable <= set(seen)


@pytest.mark.parametrize("limit", [0, -1])
async def test_listing_limits(store: ObjectStore, limit: int) -> None:
    with pytest.raises(InvalidRequest, match="limit"):
        await store.list(limit=limit)


async def test_delete_tree(store: ObjectStore) -> None:
    for name in ("a", "a/b", "a/b/c/d", "ab", "c/d"):
        await store.put(name, chunks(b""))
    await store.delete_tree("a")
    await store.delete_tree("a")
    await store.delete_tree("c/")
    assert await paths(store) == ["a", "ab"]
    await store.put("a/b/c/d", chunks(b"again"))
    assert await content(store, "a/b/c/d") == b"again"


async def test_multipart_upload(store: ObjectStore) -> None:
    parts = [os.urandom(9 * MIB), os.urandom(MIB + 1), b"end"]
    upload_id = await store.begin_upload("/k/x")
    assert await store.upload_path(upload_id) == "k/x"
    etags = {}
    for number in (3, 1, 2):
        etags[number] = await store.put_part(upload_id, number, chunks(parts[number - 1]))
        assert etags[number].startswith('"')
        assert etags[number].endswith('"')
    assert await store.info("k/x") is None
    assert await paths(store) == []
    size = sum(map(len, parts))
    asked = [(1, etags[1]), (2, etags[2].strip('"')), (3, None)]
    info = await store.complete_upload(upload_id, asked, size)
    assert (info.path, info.size) == ("k/x", size)
    assert await store.info("k/x") == info
    assert await content(store, "k/x") == b"".join(parts)
    with pytest.raises(NotFound):
        await store.complete_upload(upload_id, asked, size)


async def test_a_part_sent_again_replaces_the_first(store: ObjectStore) -> None:
    upload_id = await store.begin_upload("k")
    old = await store.put_part(upload_id, 1, chunks(b"old"))
    new = await store.put_part(upload_id, 1, chunks(b"newer"))
    with pytest.raises(InvalidRequest, match="ETag"):
        await store.complete_upload(upload_id, [(1, old)])
    await store.complete_upload(upload_id, [(1, new)])
    assert await content(store, "k") == b"newer"


async def test_an_incomplete_upload_can_be_mended(store: ObjectStore) -> None:
    await store.put("k", chunks(b"old"))
    upload_id = await store.begin_upload("k")
    first = await store.put_part(upload_id, 1, chunks(b"1"))
    third = await store.put_part(upload_id, 3, chunks(b"3"))
    refused: list[tuple[list[tuple[int, str | None]], int | None, str]] = [
        ([(1, first), (2, None), (3, third)], None, "Part 2 did not arrive"),
        ([(1, first), (3, third)], None, "all parts"),
        ([(1, first)], None, "Part 3 arrived but is not named"),
        ([], None, "all parts"),
    ]
    for parts, size, message in refused:
        with pytest.raises(InvalidRequest, match=message):
            await store.complete_upload(upload_id, parts, size)
    assert await content(store, "k") == b"old"
    await store.put_part(upload_id, 2, chunks(b"2"))
    everything = [(1, first), (2, None), (3, third)]
    with pytest.raises(InvalidRequest, match="3 bytes in all, where 4"):
        await store.complete_upload(upload_id, everything, 4)
    with pytest.raises(TooLarge, match="limit of 2 bytes"):
        await store.complete_upload(upload_id, everything, size_limit=2)
    await store.complete_upload(upload_id, everything, 3)
    assert await content(store, "k") == b"123"


@pytest.mark.parametrize("number", [0, -1, MAX_PARTS + 1, True])
async def test_part_numbers(store: ObjectStore, number: int) -> None:
    upload_id = await store.begin_upload("k")
    with pytest.raises(InvalidRequest, match="number"):
        await store.put_part(upload_id, number, chunks(b""))


async def test_part_size_limit(store: ObjectStore) -> None:
    upload_id = await store.begin_upload("k")
    with pytest.raises(TooLarge):
        await store.put_part(upload_id, 1, chunks(b"12345"), size_limit=4)
    with pytest.raises(InvalidRequest, match="did not arrive"):
        await store.complete_upload(upload_id, [(1, None)])


@pytest.mark.parametrize(
    "upload_id", ["", "..", "../objects", "0" * 32, "x/../y", "\x00", "\u0660"]
)
async def test_unknown_uploads(store: ObjectStore, upload_id: str) -> None:
    for call in (
        store.put_part(upload_id, 1, chunks(b"")),
        store.complete_upload(upload_id, [(1, None)]),
        store.upload_path(upload_id),
    ):
        with pytest.raises(NotFound, match="no upload"):
            await call
    assert not await store.abandon_upload(upload_id)


async def test_abandoned_and_stale_uploads_are_gone(store: ObjectStore) -> None:
    first, second = await store.begin_upload("k"), await store.begin_upload("k")
    await store.put_part(first, 1, chunks(b"x"))
    assert await store.abandon_upload(first)
    assert not await store.abandon_upload(first)
    await store.put_part(second, 1, chunks(b"x"))
    assert await store.discard_stale_uploads(3600) == 0
    assert await store.upload_path(second) == "k"
    assert await store.discard_stale_uploads(-1) == 1
    for upload_id in (first, second):
        with pytest.raises(NotFound):
            await store.upload_path(upload_id)


BAD_PATHS = [
    "",
    "/",
    "//a",
    "a//b",
    "a/",
    "..",
    "../a",
    "a/../b",
    "a/.",
    "./a",
    "a\\b",
    "\\files/a",
]
BAD_PATHS += ["a\x00b", "a\nb", "\x7f", "\ud800", "a\u2028b", "s" * 256, "a/" * 520 + "a"]


@pytest.mark.parametrize("path", BAD_PATHS)
async def test_paths_are_checked_by_every_verb(
    store: ObjectStore, tmp_path: Path, path: str
) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    calls = [
        store.put(path, chunks(b"x")),
        store.put_file(path, file),
        store.open(path),
        store.fetch(path, tmp_path / "to"),
        store.info(path),
        store.local_path(path),
        store.delete(path),
        store.begin_upload(path),
    ]
    if path not in {"", "/", "a/"}:  # These name a folder: the root, and a.
        calls += [store.list(path), store.delete_tree(path)]
    for call in calls:
        with pytest.raises(InvalidRequest, match=r"path|Path|segment"):
            await call
    assert file.exists()
    assert await paths(store) == []
