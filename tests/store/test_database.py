"""Writes in groups, two processes on one file, and a disk that is full."""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import sqlite3
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from proof.chaos.small_disk import small_disk
from sqlalchemy import Connection, text
from tests.store.conftest import Gate

from headrace.core.errors import Unavailable
from headrace.store.database import Database
from headrace.store.grouping import MAX_GROUP
from headrace.store.settings import read_setting, write_setting
from headrace.store.sqlite.database import SqliteDatabase


def keys(connection: Connection) -> list[str]:
    return list(connection.scalars(text("SELECT key FROM settings ORDER BY rowid")))


@pytest.fixture
def database(file_database: Database) -> Database:
    return file_database


def insert_key(connection: Connection, key: str) -> str:
    connection.execute(text("INSERT INTO settings VALUES (:key, 'null')"), {"key": key})
    return key


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


COUNTER = """
import asyncio, sys
from pathlib import Path
from headrace.store.sqlite.database import SqliteDatabase
from headrace.store.settings import read_setting, write_setting

def count_up(connection):
    write_setting(connection, "n", (read_setting(connection, "n") or 0) + 1)

async def main():
    database = SqliteDatabase(Path(sys.argv[1]))
    for _ in range(int(sys.argv[2])):
        await database.write(count_up)
    database.close()

asyncio.run(main())
"""


async def test_two_processes_write_to_one_file(database: Database, path: Path) -> None:
    """None is refused because the other writes, and no change is lost."""
    command = [sys.executable, "-c", COUNTER, str(path), "50"]
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


async def test_who_shares_a_commit_is_not_told_what_others_wrote(migrated: Path) -> None:
    """Health writes a row as well, and strangers may ask for it."""
    database, written = SqliteDatabase(migrated), " ".join(["quagga"] * 100_000)
    try:
        await database.write(lambda found: found.exec_driver_sql("PRAGMA max_page_count = 1"))
        with pytest.raises(Unavailable, match="could not store the change: database or disk") as no:
            await database.write(write_setting, "secret", written)
        assert not re.search("quagga|INSERT|SQL", no.value.message)
        assert "quagga quagga" not in "".join(traceback.format_exception(no.value))
    finally:
        database.close()


@pytest.mark.system
async def test_a_full_disk_is_unavailable_until_there_is_room(small: Path) -> None:
    database = SqliteDatabase(small)
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
