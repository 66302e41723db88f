"""Where log files are, and how pieces of them are read without reading the whole."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from headrace.core.clock import now_us
from headrace.core.loglines import LogLine, format_line, parse_line
from headrace.logs.numbered import LineNumbers

_PIECE = 1 << 16


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log file as it is on disk.

    Attributes:
        owner: Id of whose log it is.
        path: Where it is.
        size: Bytes.
        modified_at: When it was last written to, in seconds since 1970.
    """

    owner: str
    path: Path
    size: int
    modified_at: float


class LogFiles:
    """The log files of a data directory.

    What is written is always here. What ended may be elsewhere: a subclass finds it.

    Attributes:
        numbers: What is known of the numbers of their lines.
    """

    def __init__(self, root: Path) -> None:
        self.numbers = LineNumbers()
        self._root = root
        self._shards: dict[str, str] = {}

    def of_execution(self, execution_id: str) -> Path:
        """Return the log file of an execution; its folder exists."""
        # The last digits of an id are random, so that executions spread evenly over the folders.
        return self._path("executions", execution_id[-2:], execution_id)

    def text_of_execution(self, execution_id: str) -> str:
        """Return the path of :meth:`of_execution` as a text; its folder is made once."""
        shard = execution_id[-2:]
        folder = self._shards.get(shard)
        if folder is None:
            folder = self._shards[shard] = str(self.of_execution(execution_id).parent)
        return f"{folder}/{execution_id}.log"

    def of_deployment(self, deployment_id: str) -> Path:
        """Return the log file of a deployment's pods; its folder exists."""
        return self._path("deployments", deployment_id[-2:], deployment_id)

    def of_build(self, build_id: str) -> Path:
        """Return the log file of a build; its folder exists."""
        return self._path("builds", build_id[-2:], build_id)

    async def found(self, path: Path) -> Path:
        """Return the file from which a log is read now, for the next seconds.

        Args:
            path: The log, as one of the methods above says it.

        Raises:
            Unavailable: It is elsewhere, and cannot be had.
        """
        return path

    async def pages(self, kind: str) -> AsyncIterator[list[LogFile]]:
        """Yield all logs of a kind, wherever they are; one may be named twice."""
        for folder in await asyncio.to_thread(self.folders, kind):
            yield await asyncio.to_thread(self.in_folder, folder)

    async def size_of(self, path: Path) -> int:
        """Return the size of a log in bytes; 0 if there is none."""
        try:
            return (await asyncio.to_thread(path.stat)).st_size
        except FileNotFoundError:
            return 0

    def folders(self, kind: str) -> list[Path]:
        """Return the folders with logs of a kind: ``executions``, ``builds``, ``deployments``."""
        try:
            return sorted(path for path in (self._root / kind).iterdir() if path.is_dir())
        except FileNotFoundError:
            return []

    def in_folder(self, folder: Path) -> list[LogFile]:
        """Return the logs in one of the folders."""
        found = []
        with os.scandir(folder) as entries:
            for entry in entries:
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat(follow_symlinks=False)
                    owner, path = entry.name.removesuffix(".log"), Path(entry.path)
                    found.append(LogFile(owner, path, status.st_size, status.st_mtime))
        return found

    async def remove(self, path: Path) -> None:
        """Delete a log, wherever it is."""
        await asyncio.to_thread(path.unlink, missing_ok=True)

    def _path(self, kind: str, shard: str, name: str) -> Path:
        folder = self._root / kind / shard
        folder.mkdir(parents=True, exist_ok=True)
        return folder / f"{name}.log"


def append_line(path: Path, message: str) -> None:
    """Append what Headrace itself has to say, one line for each line of ``message``."""
    now = now_us()
    text = b"".join(format_line(now, "h", line) for line in message.splitlines() or [""])
    with path.open("ab", buffering=0) as file:
        file.write(text)


def read_lines(
    path: Path, *, limit: int, from_us: int | None = None, to_us: int | None = None
) -> list[LogLine]:
    """Return the first ``limit`` lines whose time is in ``[from_us, to_us)``; none without a file.

    Times ascend in a file, so the beginning is found by bisection.
    """
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return []
    with file:
        if from_us is not None:
            file.seek(_offset_of(file, from_us))
        lines: list[LogLine] = []
        for raw in file:
            if len(lines) == limit or not raw.endswith(b"\n"):
                break
            line = parse_line(raw)
            if line is None or (from_us is not None and line.at_us < from_us):
                continue
            if to_us is not None and line.at_us >= to_us:
                break
            lines.append(line)
        return lines


def read_after(path: Path, cursor: int, *, limit: int) -> tuple[list[LogLine], int]:
    """Return at most ``limit`` whole lines from byte ``cursor`` on, and the cursor after them."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        return [], cursor
    lines: list[LogLine] = []
    with file:
        # A file system refuses to seek to where no file can reach.
        file.seek(min(cursor, os.fstat(file.fileno()).st_size))
        for raw in file:
            if len(lines) == limit or not raw.endswith(b"\n"):
                break
            cursor += len(raw)
            line = parse_line(raw)
            if line is not None:
                lines.append(line)
    return lines, cursor


def last_lines(path: Path) -> list[LogLine]:
    """Return the lines of a log's last piece; none without a file."""
    try:
        size = path.stat().st_size
    except OSError:
        return []
    return read_after(path, max(0, size - _PIECE), limit=_PIECE)[0]


def _offset_of(file: BinaryIO, at_us: int) -> int:
    """Return an offset at a line's begin, at or shortly before the first line not before a time."""
    low, high = 0, os.fstat(file.fileno()).st_size
    while high - low > _PIECE:
        middle = (low + high) // 2
        file.seek(middle)
        file.readline()
        begin = file.tell()
        line = next(_parsed(file), None)
        if line is None or line.at_us >= at_us:
            high = middle
        else:
            low = begin
    return low


def _parsed(file: BinaryIO) -> Iterator[LogLine]:
    for raw in file:
        line = parse_line(raw)
        if line is not None:
            yield line
