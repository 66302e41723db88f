"""The collector: what is kept no longer goes, with its files; what belongs to something stays."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.running.parts import Parts, parts

from headrace.control.artifacts import input_path, output_path
from headrace.core.clock import now
from headrace.core.execution_filters import ExecutionFilter
from headrace.core.executions import Execution, Status
from headrace.core.names import least_id, new_id
from headrace.core.retention import Retention
from headrace.keeping import collector as collector_module
from headrace.keeping import file_collection
from headrace.keeping.clock_watch import ClockWatch
from headrace.keeping.collector import Collector
from headrace.keeping.file_collection import FileCollection
from headrace.store import executions as rows
from headrace.store.execution_search import search

HOUR_S = 3600.0
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (collector_module, file_collection):
        monkeypatch.setattr(module, "BATCH", 3)
        monkeypatch.setattr(module, "PAUSE_S", 0.0)


def collector_of(server: Parts, retention: Retention) -> Collector:
    files = FileCollection(
        server.database,
        server.executions,
        server.logs,
        server.artifacts,
        limit_bytes=retention.files_bytes,
    )
    clock = ClockWatch(server.database)
    return Collector(server.database, server.executions, files, retention, clock, server.pods)


async def bytes_of(count: int) -> AsyncIterator[bytes]:
    yield b"x" * count


def log_of(server: Parts, execution_id: str) -> Path:
    return server.logs.of_execution(execution_id)


async def add(
    server: Parts,
    created_at: datetime,
    *,
    is_ended: bool = True,
    ended_at: datetime | None = None,
    size: int = 0,
) -> str:
    """Add an execution with a log and files of ``size`` bytes together; return its id."""
    pipeline = await server.pipeline()
    execution = Execution(
        id=least_id(created_at)[:-12] + new_id()[-12:],
        pipeline_id=pipeline.id,
        pipeline_name=pipeline.name,
        deployment_name=None,
        status=Status.SUCCEEDED if is_ended else Status.RUNNING,
        created_at=created_at,
        created_by="user",
        started_at=created_at,
        ended_at=(ended_at or created_at) if is_ended else None,
    )
    await server.database.write(rows.add_all, [execution], "worker")
    await add_files(server, execution.id, size)
    return execution.id


async def add_files(server: Parts, execution_id: str, size: int) -> None:
    if size:
        log_of(server, execution_id).write_bytes(b"x" * (size // 3))
        await server.artifacts.put(input_path(execution_id, "a"), bytes_of(size // 3))
        rest = size - 2 * (size // 3)
        await server.artifacts.put(output_path(execution_id, 2, "b"), bytes_of(rest))


async def files_of(server: Parts) -> dict[str, int]:
    """The bytes that executions have on disk."""
    found: dict[str, int] = {}
    for folder in server.logs.folders("executions"):
        for log in server.logs.in_folder(folder):
            found[log.owner] = found.get(log.owner, 0) + log.size
    page = await server.artifacts.list()
    assert page.next_after is None
    for item in page.items:
        owner = item.path.split("/")[2]
        found[owner] = found.get(owner, 0) + item.size
    return found


async def ids(server: Parts) -> set[str]:
    page = await server.database.read(search, ExecutionFilter(), limit=1000)
    return {e.id for e in page.executions}


async def test_executions_go_by_age_with_their_files(root: Path) -> None:
    async with parts(root) as server:
        at = now()
        old = [await add(server, at - (9 - n / 10) * DAY, size=30) for n in range(10)]
        running = await add(server, at - 8 * DAY, is_ended=False, size=30)
        young = [await add(server, at - n / 10 * DAY, size=30) for n in range(5)]
        young.append(await add(server, at - 8 * DAY, ended_at=at - DAY, size=30))
        await collector_of(server, Retention(executions_s=7 * 24 * HOUR_S)).collect_rows()
        assert await ids(server) == {running, *young}
        assert await files_of(server) == dict.fromkeys([running, *young], 30)
        assert not {log_of(server, execution_id).exists() for execution_id in old} - {False}


async def test_executions_go_by_number(root: Path) -> None:
    async with parts(root) as server:
        known = [await add(server, now() - n * DAY, is_ended=n != 8) for n in range(10)]
        await collector_of(server, Retention(executions=4)).collect_rows()
        assert await ids(server) == {*known[:4], known[8]}
        await collector_of(server, Retention()).collect_rows()
        assert await ids(server) == {*known[:4], known[8]}


async def test_files_of_the_oldest_go_when_all_are_too_large(root: Path) -> None:
    async with parts(root) as server:
        at = now()
        oldest_first = [
            await add(server, at - (20 - n) * DAY, is_ended=n != 2, size=90) for n in range(8)
        ]
        just_ended = await add(server, at, size=90)
        for limit, gone in ((9 * 90, []), (9 * 90 - 1, [0]), (500, [0, 1, 3, 4]), (1, [*range(8)])):
            await collector_of(server, Retention(files_bytes=limit)).collect_files()
            left = {execution_id for n, execution_id in enumerate(oldest_first) if n not in gone}
            # Those of what has not ended stay, and those that somebody may be about to fetch.
            assert await files_of(server) == dict.fromkeys({*left, oldest_first[2], just_ended}, 90)
        assert len(await ids(server)) == 9


async def test_it_begins_where_files_are_left(root: Path) -> None:
    """What ended late, or had a file put to it, goes as well the next time."""
    async with parts(root) as server:
        known = [await add(server, now() - (20 - n) * DAY, size=90) for n in range(9)]
        collector = collector_of(server, Retention(files_bytes=5 * 90))
        await collector.collect_files()
        assert set(await files_of(server)) == set(known[4:])
        more = [await add(server, now() - n * DAY, size=90) for n in (2, 1)]
        await collector.collect_files()
        assert set(await files_of(server)) == {*known[6:], *more}


async def test_what_belongs_to_nothing_goes_after_a_day(root: Path) -> None:
    """A crash between a file and its row, or between a row and its files, leaves such things."""
    async with parts(root) as server:
        real = await add(server, now() - 9 * DAY, size=30)
        (root / "logs" / "executions").mkdir(parents=True, exist_ok=True)
        (root / "logs" / "executions" / "stray").write_text("no folder")
        old, young = new_id(), new_id()
        for execution_id in (old, young):
            await add_files(server, execution_id, 30)
        pipeline = await server.pipeline()
        builds = [server.logs.of_build(owner) for owner in (pipeline.id, new_id())]
        pods = server.logs.of_deployment(new_id())
        for log in [*builds, pods]:
            log.write_text("x")
        then = time.time() - 25 * HOUR_S
        for path in (root / "logs").rglob("*.log"):
            os.utime(path, (then, then))
        for path in (root / "artifacts" / "objects").rglob("*"):
            if path.is_file():
                os.utime(path, (then, then))
        now_s = time.time()
        for path in [log_of(server, young), *(root / "artifacts").rglob(f"{young}/**/*")]:
            os.utime(path, (now_s, now_s))
        await collector_of(server, Retention()).collect_files()
        assert await files_of(server) == {real: 30, young: 30}
        assert [log.exists() for log in [*builds, pods]] == [True, False, False]


async def test_collecting_goes_on_after_something_went_wrong(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector_module, "COLLECT_S", 0.01)
    async with parts(root) as server:
        (root / "logs").mkdir(exist_ok=True)
        (root / "logs" / "builds").write_text("no folder")
        collector = collector_of(server, Retention(executions_s=7 * 24 * HOUR_S))
        with pytest.raises(NotADirectoryError):
            await collector.collect_files()
        await collector.begin()
        for _ in range(3):
            old = await add(server, now() - 9 * DAY, size=30)
            async with asyncio.timeout(30):
                while old in await ids(server):
                    await asyncio.sleep(0.01)
        await collector.close()
