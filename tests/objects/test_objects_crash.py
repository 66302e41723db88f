"""A process that is killed leaves the old objects or the new ones, and nothing in between."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Timer

import pytest

from headrace.core.errors import InvalidRequest, NotFound
from headrace.objects.filesystem import FilesystemStore

pytestmark = pytest.mark.system

SIZE = 4 << 20

WRITER = f"""
import asyncio, itertools, sys
from pathlib import Path
from headrace.objects.filesystem import FilesystemStore

async def chunks(number, stop_at=None):
    for n in range({SIZE} >> 16):
        if n == stop_at:
            print("halfway", flush=True)
            await asyncio.Event().wait()
        yield bytes([number % 256]) * (1 << 16)

async def main(root, mode):
    store = FilesystemStore(Path(root))
    if mode == "halfway":
        await store.put("a/b", chunks(1, stop_at=40))
    for number in itertools.count(1):
        if mode == "put":
            await store.put("a/b", chunks(number))
        else:
            upload_id = await store.begin_upload("a/b")
            for part in (1, 2, 3):
                await store.put_part(upload_id, part, chunks(number))
            print("upload", upload_id, flush=True)
            await store.complete_upload(upload_id, [(1, None), (2, None), (3, None)])
        print(number, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.fixture
def start(root: Path) -> Iterator[object]:
    """Start a process that writes; all of them are gone afterwards."""
    started: list[subprocess.Popen[str]] = []

    def start_writer(mode: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", WRITER, str(root), mode]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start_writer
    for process in started:
        process.kill()
        process.communicate()


async def number_at(store: FilesystemStore, size: int) -> int:
    data = b"".join([chunk async for chunk in await store.open("a/b")])
    assert data == bytes([data[0]]) * size
    return data[0]


def leftovers(root: Path, folder: str) -> list[Path]:
    return [path for path in (root / folder).rglob("*") if path.is_file()]


async def test_killed_in_the_middle_of_a_put(files, root, start) -> None:
    process = start("halfway")
    assert process.stdout.readline() == "halfway\n"
    assert await files.sweep() == 0, "the files of a process that lives are left alone"
    process.kill()
    process.wait()
    assert await files.info("a/b") is None
    assert (await files.list()).items == ()
    assert leftovers(root, "staging")
    assert await files.sweep() == 1
    assert not leftovers(root, "staging")


@pytest.mark.parametrize("mode", ["put", "complete"])
async def test_killed_at_any_moment(files, root, start, mode) -> None:
    """What was acknowledged is there, whole; an upload that was cut off can be completed."""
    size = SIZE if mode == "put" else 3 * SIZE
    for _ in range(6):
        await files.delete("a/b")
        process = start(mode)
        first = process.stdout.readline()
        killer = Timer(random.uniform(0, 0.3), process.kill)
        killer.start()
        lines = (first + process.stdout.read()).split("\n")
        killer.join()
        process.wait()
        numbers = [int(line) for line in lines if line.isdigit()]
        uploads = [line.split()[1] for line in lines if line.startswith("upload")]
        if mode == "put":
            assert (await number_at(files, size) - numbers[-1]) % 256 in {0, 1}
        else:
            # NotFound: it was completed. InvalidRequest: all but the removal of its other parts.
            with suppress(NotFound, InvalidRequest):
                await files.complete_upload(uploads[-1], [(1, None), (2, None), (3, None)])
            assert await number_at(files, size) == len(uploads) % 256
        await files.sweep()
        assert len(leftovers(root, "objects")) <= 1
        assert not leftovers(root, "staging")
        await files.discard_stale_uploads(-1)
        assert not leftovers(root, "uploads")


async def test_an_upload_outlives_the_process(root) -> None:
    async def chunks(data):
        yield data

    first = FilesystemStore(root)
    upload_id = await first.begin_upload("k")
    etag = await first.put_part(upload_id, 1, chunks(b"x"))
    assert etag == f'"{hashlib.sha256(b"x").hexdigest()}"'
    await first.close()
    second = FilesystemStore(root)
    await second.sweep()
    assert (await second.complete_upload(upload_id, [(1, etag)], 1)).path == "k"
    await second.close()
