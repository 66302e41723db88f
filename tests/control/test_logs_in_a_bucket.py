"""Logs in a bucket: sent when they have ended, read from there, never lost in between."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from headrace.control import bucket_logs
from headrace.control.bucket_logs import BucketLogs
from headrace.core.clock import now
from headrace.core.errors import NotFound, Unavailable
from headrace.core.names import least_id, new_id
from headrace.core.objects import ObjectInfo
from headrace.logs.files import LogFile, append_line, read_lines
from headrace.objects.filesystem import FilesystemStore
from headrace.objects.walking import every_object

# No records are asked.
pytestmark = pytest.mark.once

OLD = least_id(datetime(2020, 1, 2, tzinfo=UTC))


class Away(FilesystemStore):
    """A store that may be away, and says what it was asked for."""

    is_away = False

    async def put(
        self, path: str, source: AsyncIterator[bytes], *, size_limit: int | None = None
    ) -> ObjectInfo:
        if self.is_away:
            raise Unavailable("The bucket cannot be reached.")
        return await super().put(path, source, size_limit=size_limit)

    async def fetch(self, path: str, to: Path) -> ObjectInfo:
        if self.is_away:
            raise Unavailable("The bucket cannot be reached.")
        return await super().fetch(path, to)


class Ground:
    def __init__(self, root: Path) -> None:
        self.root = root
        self.bucket = Away(root / "bucket")
        self.logs = self.made_again()

    def made_again(self) -> BucketLogs:
        """The logs as another server finds them."""
        return BucketLogs(self.root / "logs", self.root / "copies", self.bucket)

    def write(self, *lines: str, owner: str = OLD) -> Path:
        path = self.logs.of_execution(owner)
        for line in lines:
            append_line(path, line)
        return path

    async def send(self, logs: BucketLogs | None = None, kind: str = "executions") -> int:
        """One round of the loop over all that is written; return how many were sent."""
        logs = logs or self.logs
        return sum([await logs.send(file) for file in logs.written(kind, -1)])

    async def lines(self, path: Path, logs: BucketLogs | None = None) -> list[str]:
        found = await (logs or self.logs).found(path)
        return [line.message for line in read_lines(found, limit=1000)]

    async def names(self) -> list[str]:
        return [info.path async for info in every_object(self.bucket)]


@pytest.fixture
async def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ground]:
    monkeypatch.setattr(bucket_logs, "_STAYS_S", -1.0)
    made = Ground(tmp_path)
    yield made
    await made.bucket.close()


async def test_a_log_is_sent_once_and_becomes_a_copy(ground: Ground) -> None:
    path = ground.write("one", "two")
    assert await ground.send() == 1
    assert await ground.names() == [f"executions/{OLD[-2:]}/{OLD}.log"]
    assert await ground.send() == 0
    # Who was told of the file where it was written can still read it.
    assert path.exists()
    assert await ground.send() == 0
    assert not path.exists()
    assert await ground.lines(path) == ["one", "two"]
    shutil.rmtree(ground.root / "copies")
    assert await ground.lines(path) == ["one", "two"]
    ground.bucket.is_away = True
    assert await ground.lines(path) == ["one", "two"], "there is a copy again"
    shutil.rmtree(ground.root / "copies")
    with pytest.raises(Unavailable):
        await ground.logs.found(path)


async def test_lines_that_come_late_are_sent_too(ground: Ground) -> None:
    path = ground.write("one")
    await ground.send()
    ground.write("two")
    assert await ground.send() == 1
    for _ in range(2):
        await ground.send()
    assert not path.exists()
    # Some more come when what was before is in the bucket alone, or in a copy besides.
    for line in ("three", "four"):
        ground.write(line)
        assert await ground.send() == 1
        assert await ground.lines(path) == ["one", "two", "three", "four"][: 3 + (line == "four")]
        for _ in range(2):
            await ground.send()
        shutil.rmtree(ground.root / "copies")
    assert await ground.lines(path) == ["one", "two", "three", "four"]


@pytest.mark.parametrize("rounds", [0, 1, 2, 3])
async def test_another_server_goes_on_where_one_was_killed(ground: Ground, rounds: int) -> None:
    path = ground.write("one", "two")
    for _ in range(rounds):
        await ground.send()
    other = ground.made_again()
    assert await ground.send(other) == (rounds == 0)
    for _ in range(2):
        await ground.send(other)
    assert not path.exists()
    assert await ground.lines(path, other) == ["one", "two"]
    shutil.rmtree(ground.root / "copies", ignore_errors=True)
    assert await ground.lines(path, other) == ["one", "two"]


async def test_a_bucket_that_is_away_loses_nothing(ground: Ground) -> None:
    path = ground.write("one")
    ground.bucket.is_away = True
    with pytest.raises(Unavailable):
        await ground.send()
    assert await ground.lines(path) == ["one"]
    ground.bucket.is_away = False
    assert await ground.send() == 1


async def test_the_bucket_is_not_asked_for_what_cannot_be_there(ground: Ground) -> None:
    ground.bucket.is_away = True
    for path in (ground.logs.of_execution(new_id()), ground.logs.of_deployment(OLD)):
        assert await ground.logs.found(path) == path
    assert not await ground.lines(ground.logs.of_execution(new_id()))


async def test_a_deleted_log_is_nowhere(ground: Ground) -> None:
    for rounds in range(4):
        path = ground.write("one")
        for _ in range(rounds):
            await ground.send()
        await ground.lines(path)
        await ground.logs.remove(path)
        assert await ground.names() == []
        assert await ground.lines(path) == []
        assert await ground.logs.size_of(path) == 0
    path = ground.write("one")
    gone = LogFile(OLD, path, path.stat().st_size, 0.0)
    await ground.logs.remove(path)
    assert await ground.logs.send(gone) is False


async def test_all_logs_are_named_with_their_sizes(ground: Ground) -> None:
    path = ground.write("one")
    size = path.stat().st_size
    for _ in range(3):
        pages = [page async for page in ground.logs.pages("executions")]
        assert {file.path for page in pages for file in page} == {path}
        assert max(file.size for page in pages for file in page) == size
        assert await ground.logs.size_of(path) == size
        await ground.send()
    ground.logs.of_deployment(OLD).write_bytes(b"x")
    (only,) = [file async for page in ground.logs.pages("deployments") for file in page]
    assert only.size == 1


async def test_copies_that_were_not_read_for_longest_go_first(ground: Ground) -> None:
    paths = [ground.write("x" * 1000, owner=f"{OLD[:-1]}{number}") for number in range(4)]
    for _ in range(3):
        await ground.send()
    for number, path in enumerate(paths):
        copy = await ground.logs.found(path)
        os.utime(copy, (time.time() - 1000 + number, copy.stat().st_mtime))
    await ground.logs.found(paths[0])
    assert await ground.logs.shrink(1 << 30) == 0
    assert await ground.logs.shrink(2500) == 2
    left = {copy.stem for copy in (ground.root / "copies").glob("*/*/*.log")}
    assert left == {paths[0].stem, paths[3].stem}
    assert await ground.lines(paths[1]) == ["x" * 1000]


async def test_many_readers_fetch_one_copy(ground: Ground) -> None:
    path = ground.write("one")
    await ground.logs.send_all()
    path.unlink()
    found = await asyncio.gather(*(ground.logs.found(path) for _ in range(8)))
    assert len(set(found)) == 1
    assert [place.name for place in found[0].parent.iterdir()] == [path.name]


async def test_all_can_be_sent_and_fetched_again(ground: Ground) -> None:
    first, second = ground.write("one"), ground.write("two", owner=f"{OLD[:-1]}9")
    build = ground.logs.of_build(OLD)
    append_line(build, "built")
    deployment = ground.logs.of_deployment(OLD)
    append_line(deployment, "pod")
    assert await ground.logs.send_all() == 3
    assert await ground.logs.send_all() == 3
    for path in (first, build):
        path.unlink()
    append_line(second, "more")
    assert await ground.logs.fetch_all() == 3
    assert [line.message for line in read_lines(first, limit=9)] == ["one"]
    assert [line.message for line in read_lines(second, limit=9)] == ["two", "more"]
    assert [line.message for line in read_lines(build, limit=9)] == ["built"]


async def test_the_young_are_told_by_their_ids(ground: Ground) -> None:
    just_moved = least_id(now() - 2 * bucket_logs.STAYS)
    with pytest.raises(NotFound):
        await ground.bucket.fetch("no", ground.root / "no")
    path = ground.write("one", owner=just_moved)
    await ground.logs.send_all()
    path.unlink()
    assert await ground.lines(path) == ["one"]


async def test_what_an_earlier_server_sent_is_looked_for_however_young(ground: Ground) -> None:
    owner = new_id()
    path = ground.write("one", owner=owner)
    await ground.logs.send_all()
    path.unlink()
    await asyncio.sleep(0.01)
    assert await ground.lines(path, ground.made_again()) == ["one"]
