"""Speed and memory of the store of objects on the disk, against cp of the same bytes.

Run as ``python -m proof.benchmarks.objects``; ``--folder`` chooses the disk.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Self

import psutil

from headrace.objects.filesystem import FilesystemStore

MIB = 1 << 20
CHUNK = 64 << 10
"""What an HTTP server hands over at a time."""

PART = 9_961_472
"""Part size of the public client."""


Way = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Measured:
    """One way of moving the bytes: best seconds, and greatest growth of this process in bytes."""

    name: str
    seconds: float
    growth: int


class Growth:
    """Samples the memory of a process while it is entered; ``peak`` is over the start."""

    def __init__(self, process: psutil.Process | None = None) -> None:
        self._process = process or psutil.Process()

    def __enter__(self) -> Self:
        self._start = self._process.memory_info().rss
        self.peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(0.01):
            self.peak = max(self.peak, self._process.memory_info().rss - self._start)


async def file_chunks(
    file: Path, offset: int = 0, length: int = sys.maxsize
) -> AsyncIterator[bytes]:
    """Yield a file in chunks, read from the page cache."""
    with file.open("rb", buffering=0) as source:
        source.seek(offset)
        left = length
        while left > 0 and (chunk := source.read(min(CHUNK, left))):
            left -= len(chunk)
            yield chunk


async def measure(ways: Mapping[str, Way], rounds: int) -> list[Measured]:
    """Time all ways in turn, so that a busy moment of the machine does not hit one of them alone.

    What the disk still has to write is awaited in between. The best round counts: on a machine
    that others use too, the rest says more about them.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    growth = dict.fromkeys(ways, 0)
    for _ in range(rounds):
        for name, way in ways.items():
            os.sync()
            with Growth() as grown:
                start = time.perf_counter()
                await way()
                seconds[name].append(time.perf_counter() - start)
            growth[name] = max(growth[name], grown.peak)
    return [Measured(name, min(seconds[name]), growth[name]) for name in ways]


def ways_of(store: FilesystemStore, source: Path) -> dict[str, Way]:
    """Return every way in and out of the store, and cp with and without its bytes on disk."""
    copy = source.with_name("copy")
    size = source.stat().st_size

    async def cp() -> None:
        await asyncio.to_thread(subprocess.check_call, ["cp", source, copy])

    async def cp_durable() -> None:
        await cp()
        await asyncio.to_thread(subprocess.check_call, ["sync", copy])

    async def read() -> None:
        async for _ in await store.open("big"):
            pass

    async def move() -> None:
        await store.put_file("moved", copy)

    async def multipart() -> None:
        upload_id = await store.begin_upload("parts")
        parts = []
        for number, offset in enumerate(range(0, size, PART), 1):
            part = file_chunks(source, offset, PART)
            parts.append((number, await store.put_part(upload_id, number, part)))
        await store.complete_upload(upload_id, parts, size)

    return {
        "cp": cp,
        "cp, then sync": cp_durable,
        "put of chunks": lambda: store.put("big", file_chunks(source)),
        "put_file": lambda: store.put_file("copied", source),
        "multipart upload": multipart,
        "fetch": lambda: store.fetch("big", copy),
        "open and read": read,
        "put_file, moved": move,
    }


async def listing(store: FilesystemStore, objects: Path, count: int, limit: int) -> list[str]:
    """Time pages of ``count`` objects, in one folder and in a folder for each."""
    lines = []
    for shape in ("flat", "nested"):
        for n in range(count):
            folder = Path(shape) if shape == "flat" else Path(shape, f"{n:06}")
            place = objects / folder / "\\files"
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{n:06}").touch()
        seconds, seen, after = [], 0, None
        with Growth() as grown:
            while True:
                start = time.perf_counter()
                page = await store.list(shape, after, limit)
                seconds.append(time.perf_counter() - start)
                seen += len(page.items)
                if (after := page.next_after) is None:
                    break
        if seen != count:
            raise RuntimeError(f"{seen} objects of {count} were listed")
        lines.append(
            f"{shape:8} {len(seconds):5} pages of {limit}: median {median(seconds) * 1e3:6.1f} ms, "
            f"worst {max(seconds) * 1e3:6.1f} ms, all {sum(seconds):5.1f} s, "
            f"memory +{grown.peak / MIB:.0f} MiB"
        )
    return lines


def source_file(folder: Path, size: int) -> Path:
    """Write a file of random bytes and return it."""
    source = folder / "source"
    block = os.urandom(MIB)
    with source.open("wb") as file:
        for _ in range(size // MIB):
            file.write(block)
    return source


async def run(folder: Path, size: int, rounds: int, count: int) -> None:
    """Measure and print."""
    source = source_file(folder, size)
    store = FilesystemStore(folder / "store")
    try:
        measured = await measure(ways_of(store, source), rounds)
        seconds = {m.name: m.seconds for m in measured}
        print(f"{size // MIB} MiB, best of {rounds}; x: speed as a share of cp's")
        print(f"{'':18} {'seconds':>8} {'MiB/s':>8} {'x cp':>6} {'x cp+sync':>10} {'memory':>10}")
        for m in measured:
            print(
                f"{m.name:18} {m.seconds:8.2f} {size / MIB / m.seconds:8.0f} "
                f"{seconds['cp'] / m.seconds:6.2f} {seconds['cp, then sync'] / m.seconds:10.2f} "
                f"{f'+{m.growth / MIB:.1f} MiB':>10}"
            )
        print(f"\nListing {count} objects")
        print(*await listing(store, folder / "store" / "objects", count, 1000), sep="\n")
    finally:
        await store.close()


def main() -> None:
    """Parse the command line, then measure in a folder that is removed afterwards."""
    # It takes its measures from here.
    from proof.benchmarks import objects_http  # noqa: PLC0415 - see above

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size-mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--only-server", action="store_true", help="leave out the store alone")
    parser.add_argument("--folder", type=Path, default=None, help="a folder of the disk to measure")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        size = arguments.size_mib * MIB
        if not arguments.only_server:
            asyncio.run(run(Path(folder), size, arguments.rounds, arguments.objects))
        print(f"\nThrough the server, {size // MIB} MiB, best of {arguments.rounds}")
        source = source_file(Path(folder), size)
        measured = objects_http.through_the_server(Path(folder), source, arguments.rounds)
        print(*objects_http.report(measured, size), sep="\n")


if __name__ == "__main__":
    main()
