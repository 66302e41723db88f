"""Writes in groups, reads beside them, and a disk that is full."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from chaos.small_disk import small_disk
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from headrace.core.errors import NotFound, Unavailable
from headrace.store.database import MAX_GROUP, Database
from headrace.store.settings import read_setting, write_setting


def keys(connection: Connection) -> list[str]:
    return list(connection.scalars(text("SELECT key FROM settings ORDER BY rowid")))


def insert_key(connection: Connection, key: str) -> str:
    connection.execute(text("INSERT INTO settings VALUES (:key, 'null')"), {"key": key})
    return key


def refuse(connection: Connection, key: str) -> None:
    insert_key(connection, key)
    raise NotFound(f"There is no {key}.")


class Gate:
    """Keeps the writer busy, so that what is written meanwhile forms one group."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._began = threading.Event()
        self._opened = threading.Event()

    async def close(self) -> None:
        self._task = asyncio.ensure_future(self._database.write(self._wait))
        await asyncio.to_thread(self._began.wait, 30)

    def open(self) -> None:
        self._opened.set()

    def _wait(self, _connection: Connection) -> None:
        self._began.set()
        self._opened.wait(30)


@pytest.fixture
async def commits(database: Database) -> list[str]:
    """The commits from now on, as SQLite itself tells them."""
    seen: list[str] = []

    def hear(statement: str) -> None:
        if statement == "COMMIT":
            seen.append(statement)

    def watch(connection: Connection) -> None:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.set_trace_callback(hear)

    await database.write(watch)
    seen.clear()
    return seen


@pytest.fixture
def gate(database: Database) -> Iterator[Gate]:
    made = Gate(database)
    yield made
    made.open()


async def test_a_group_is_one_commit_and_each_caller_gets_its_own_result(
    database: Database, gate: Gate, commits: list[str]
) -> None:
    await gate.close()
    writes = [asyncio.ensure_future(database.write(insert_key, f"k{n}")) for n in range(50)]
    await asyncio.sleep(0)
    gate.open()
    assert await asyncio.gather(*writes) == [f"k{n}" for n in range(50)]
    assert len(commits) == 2, "one for the gate, one for the group"
    assert await database.read(keys) == [f"k{n}" for n in range(50)]


async def test_a_failing_write_disturbs_no_other(database: Database, gate: Gate) -> None:
    """Its change is undone, its error comes back to its caller alone, with its own type."""
    await gate.close()
    writes = [
        asyncio.ensure_future(write)
        for write in (
            database.write(insert_key, "a"),
            database.write(refuse, "b"),
            database.write(insert_key, "a"),
            database.write(lambda _: 1 // 0),
            database.write(insert_key, "c"),
        )
    ]
    await asyncio.sleep(0)
    gate.open()
    first, missing, doubled, divided, last = await asyncio.gather(*writes, return_exceptions=True)
    assert (first, last) == ("a", "c")
    assert isinstance(missing, NotFound)
    assert missing.message == "There is no b."
    assert isinstance(doubled, IntegrityError)
    assert isinstance(divided, ZeroDivisionError)
    assert await database.read(keys) == ["a", "c"]


async def test_a_caller_who_leaves_undoes_nothing(database: Database, gate: Gate) -> None:
    await gate.close()
    writes = [asyncio.ensure_future(database.write(insert_key, key)) for key in "abc"]
    await asyncio.sleep(0)
    writes[1].cancel()
    gate.open()
    assert await writes[0] == "a"
    assert await writes[2] == "c"
    with pytest.raises(asyncio.CancelledError):
        await writes[1]
    assert await database.read(keys) == ["a", "b", "c"]


async def test_more_writes_than_a_group_holds(
    database: Database, gate: Gate, commits: list[str]
) -> None:
    await gate.close()
    count = 2 * MAX_GROUP + 1
    writes = [asyncio.ensure_future(database.write(insert_key, f"{n}")) for n in range(count)]
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(*writes)
    assert len(commits) == 4
    assert await database.read(keys) == [f"{n}" for n in range(count)]


async def test_what_a_write_saw_is_what_the_writes_before_it_left(database: Database) -> None:
    def count_up(connection: Connection) -> int:
        number = (read_setting(connection, "n") or 0) + 1
        write_setting(connection, "n", number)
        return int(number)

    results = await asyncio.gather(*(database.write(count_up) for _ in range(100)))
    assert results == list(range(1, 101))


async def test_who_is_told_of_success_finds_it_on_disk(database: Database, path: Path) -> None:
    """Looked at from another connection, as another process would."""
    await database.write(insert_key, "a")
    other = sqlite3.connect(path)
    try:
        assert other.execute("SELECT count(*) FROM settings").fetchone() == (1,)
    finally:
        other.close()


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(Unavailable):
        await database.read(insert_key, "a")
    assert await database.read(keys) == []


async def test_a_read_sees_one_state_of_the_database(database: Database) -> None:
    """A write that is committed in the middle of a read does not show in it."""
    looked, wrote = threading.Event(), threading.Event()

    def look_twice(connection: Connection) -> tuple[list[str], list[str]]:
        before = keys(connection)
        looked.set()
        wrote.wait(30)
        return before, keys(connection)

    reading = asyncio.ensure_future(database.read(look_twice))
    await asyncio.to_thread(looked.wait, 30)
    await database.write(insert_key, "a")
    wrote.set()
    assert await reading == ([], [])
    assert await database.read(keys) == ["a"]


async def test_closing_commits_what_waits(path: Path) -> None:
    database = Database(path)
    gate = Gate(database)
    await gate.close()
    writes = [asyncio.ensure_future(database.write(insert_key, key)) for key in "ab"]
    await asyncio.sleep(0)
    gate.open()
    await asyncio.to_thread(database.close)
    assert await asyncio.gather(*writes) == ["a", "b"]


def test_two_loops_share_one_database(database: Database) -> None:
    """Each caller is answered in the event loop that it asked from."""
    failures: list[BaseException] = []

    def ask(name: str) -> None:
        async def write() -> None:
            for number in range(20):
                await database.write(insert_key, f"{name}{number}")

        try:
            asyncio.run(write())
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            failures.append(error)

    threads = [threading.Thread(target=ask, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert len(asyncio.run(database.read(keys))) == 40


COUNTER = """
import asyncio, sys
from pathlib import Path
from headrace.store.database import Database
from headrace.store.settings import read_setting, write_setting

def count_up(connection):
    write_setting(connection, "n", (read_setting(connection, "n") or 0) + 1)

async def main():
    database = Database(Path(sys.argv[1]))
    for _ in range(int(sys.argv[2])):
        await database.write(count_up)
    database.close()

asyncio.run(main())
"""


async def test_two_processes_write_to_one_file(database: Database, path: Path) -> None:
    """None is refused because the other writes, and no change is lost."""
    command = [sys.executable, "-c", COUNTER, path, "50"]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    for process in started:
        _, said = await asyncio.to_thread(process.communicate)
        assert process.returncode == 0, said.decode()
    assert await database.read(read_setting, "n") == 100


def fill(filler: Path) -> None:
    """Write until the disk is full."""
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


@pytest.fixture
def small(tmp_path: Path, migrated: Path) -> Iterator[Path]:
    """A database on a disk of 2 MiB."""
    with small_disk(tmp_path / "small", "size=2m") as disk:
        if disk is None:
            pytest.skip("a small disk needs the right to mount one")
        yield Path(shutil.copy(migrated, disk.folder / "headrace.db"))


@pytest.mark.system
async def test_a_full_disk_is_unavailable_until_there_is_room(small: Path) -> None:
    database = Database(small)
    try:
        await database.write(write_setting, "kept", "yes")
        filler = small.parent / "filler"
        fill(filler)
        big = "x" * 300_000
        results = await asyncio.gather(
            database.write(write_setting, "big", big),
            database.write(write_setting, "small", 1),
            return_exceptions=True,
        )
        assert isinstance(results[0], Unavailable)
        assert "could not store the change" in results[0].message
        assert await database.read(read_setting, "kept") == "yes"
        assert await database.read(read_setting, "big") is None
        filler.unlink()
        await database.write(write_setting, "big", big)
        assert await database.read(read_setting, "big") == big
        assert await database.read(read_setting, "kept") == "yes"
    finally:
        database.close()
    check = sqlite3.connect(small)
    assert check.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    check.close()
