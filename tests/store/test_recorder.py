"""The recorder: statements in, commits on disk, by a process that may be killed at any moment."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from headrace.store import recorder as recording
from headrace.store.recorder import NotCommitted, Recorder, RecorderLost

INSERT = "INSERT INTO settings (key, value) VALUES (?, ?)"
UPDATE = "UPDATE settings SET value = :value WHERE key = :key"


@pytest.fixture
async def recorder(path: Path) -> AsyncIterator[Recorder]:
    made = Recorder(path)
    yield made
    await made.close()


async def ready(recorder: Recorder) -> None:
    async with asyncio.timeout(30):
        while not recorder.is_ready:
            await asyncio.sleep(0.01)


async def commit(recorder: Recorder, *statements: tuple[str, Sequence[Any]]) -> Exception | None:
    """Return what the recorder says of statements, None being success."""
    said: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
    await ready(recorder)
    recorder.commit(statements, said.set_result)
    async with asyncio.timeout(30):
        return await said


def rows(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as database:
        return dict(database.execute("SELECT key, value FROM settings"))


def its_process(path: Path) -> psutil.Process:
    (found,) = [
        child for child in psutil.Process().children() if str(path) in " ".join(child.cmdline())
    ]
    return found


async def test_statements_are_committed_together_and_in_order(
    recorder: Recorder, path: Path
) -> None:
    assert await commit(recorder, (INSERT, ("a", "1"))) is None
    assert rows(path) == {"a": "1"}
    assert (
        await commit(
            recorder,
            (INSERT, ("b", "1")),
            (UPDATE, [{"key": "a", "value": "2"}, {"key": "b", "value": "3"}]),
        )
        is None
    )
    assert rows(path) == {"a": "2", "b": "3"}
    assert await commit(recorder, (UPDATE, [{"key": "a", "value": "4"}])) is None
    assert rows(path) == {"a": "4", "b": "3"}


async def test_what_is_refused_leaves_nothing_behind(recorder: Recorder, path: Path) -> None:
    assert await commit(recorder, (INSERT, ("a", "1"))) is None
    for statements in (
        [(INSERT, ("a", "2"))],
        [(INSERT, ("b", "1")), (INSERT, ("a", "2"))],
        [(INSERT, ("b", "1")), (UPDATE, [{"key": "b"}])],
        [(INSERT, ("b",))],
        [("not SQL", ())],
    ):
        error = await commit(recorder, *statements)
        assert isinstance(error, NotCommitted)
        assert str(error)
    assert rows(path) == {"a": "1"}
    with pytest.raises(ValueError, match="unmarshallable"):
        await commit(recorder, (INSERT, ("b", object())))
    assert await commit(recorder, (INSERT, ("b", "1"))) is None


async def test_many_rows_are_one_message(recorder: Recorder, path: Path) -> None:
    value = "x" * 10_000
    many = [(INSERT, (f"k{number}", value)) for number in range(200)]
    assert await commit(recorder, *many) is None
    assert len(rows(path)) == 200


async def test_a_recorder_that_is_killed_is_replaced(
    recorder: Recorder, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "PAUSE_S", 0.1)
    for number in range(3):
        assert await commit(recorder, (INSERT, (f"k{number}", "1"))) is None
        its_process(path).kill()
        async with asyncio.timeout(10):
            while recorder.is_ready:
                await asyncio.sleep(0.01)
    assert await commit(recorder, (INSERT, ("last", "1"))) is None
    assert len(rows(path)) == 4


async def test_whoever_waits_for_one_that_is_killed_is_told(
    recorder: Recorder, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recording, "PATIENCE_S", 0.5)
    await ready(recorder)
    os.kill(its_process(path).pid, signal.SIGSTOP)
    # Nobody wakes it, so it is killed when it has not answered for long.
    assert isinstance(await commit(recorder, (INSERT, ("a", "1"))), RecorderLost)
    assert await commit(recorder, (INSERT, ("b", "1"))) is None
    assert rows(path) == {"b": "1"}


async def test_a_commit_waits_for_others_that_write(recorder: Recorder, path: Path) -> None:
    await ready(recorder)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(commit(recorder, (INSERT, ("a", "1"))))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        other.execute("ROLLBACK")
        assert await waiting is None


async def test_closing_waits_for_the_last_commit(path: Path) -> None:
    recorder = Recorder(path)
    await ready(recorder)
    pid = its_process(path).pid
    said: list[Exception | None] = []
    recorder.commit([(INSERT, ("a", "1"))], said.append)
    await recorder.close()
    assert said == [None]
    assert not psutil.pid_exists(pid)
    assert not recorder.is_ready
    await Recorder(path).close()


async def test_a_lock_lasts_as_long_as_the_process(path: Path, tmp_path: Path) -> None:
    held = (tmp_path / "lock").open("ab")
    fcntl.flock(held, fcntl.LOCK_EX)
    recorder = Recorder(path, held)
    await ready(recorder)
    held.close()
    with (tmp_path / "lock").open("ab") as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        await recorder.close()
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
