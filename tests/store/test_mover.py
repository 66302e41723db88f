"""What was answered gets from the journal to the database, and is never forgotten before."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, select
from tests.store.test_journal import left_in, opened, put, row

from headrace.store.book import behind
from headrace.store.book import mover as moving
from headrace.store.book.behind import DatabaseBehind
from headrace.store.book.journal_file import Journal
from headrace.store.book.mover import Mover
from headrace.store.database import Database
from headrace.store.tables import executions


@pytest.fixture
def database(file_database: Database) -> Database:
    return file_database


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(opened(tmp_path / "calls")) as made:
        yield made


@pytest.fixture
async def mover(database: Database, journal: Journal) -> AsyncIterator[Mover]:
    made = Mover(database, journal)
    yield made
    await made.close()


@contextmanager
def held(path: Path) -> Iterator[None]:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def ids(connection: Connection) -> list[str]:
    return list(connection.scalars(select(executions.c.id).order_by(executions.c.id)))


async def moved(database: Database) -> list[str]:
    return await database.read(ids)


async def until(database: Database, count: int) -> None:
    async with asyncio.timeout(30):
        while len(await moved(database)) < count:
            await asyncio.sleep(0.01)


async def test_rows_are_moved_after_a_while(
    mover: Mover, journal: Journal, database: Database
) -> None:
    for number in range(5):
        put(journal, row(number))
        mover.note_rows()
    await until(database, 5)
    async with asyncio.timeout(30):
        while not journal.is_empty:
            await asyncio.sleep(0.01)
    assert left_in(journal.path) == []


async def test_whoever_reads_has_them_moved_at_once(
    mover: Mover, journal: Journal, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behind, "MOVE_S", 600.0)
    reader = DatabaseBehind(database, mover.move_all)
    for number in range(50):
        put(journal, row(number))
        # Several at once, of which all but the first find a move that goes on already.
        async with asyncio.timeout(30):
            found = await asyncio.gather(*(moved(reader) for _ in range(3)))
        assert [len(one) for one in found] == [number + 1] * 3


async def test_a_reader_waits_no_longer_than_promised_for_a_database_that_is_held(
    mover: Mover, journal: Journal, database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(behind, "MOVE_S", 0.2)
    reader = DatabaseBehind(database, mover.move_all)
    put(journal, row(1))
    with held(path):
        assert await moved(reader) == []
    await until(database, 1)


async def test_a_move_that_is_given_up_forgets_nothing(
    journal: Journal, database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moving, "CLOSING_S", 0.2)
    mover = Mover(database, journal)
    for number in range(6):
        put(journal, row(number))
    with held(path):
        assert mover.move_all() is not None
        await asyncio.sleep(0.05)
        for number in range(6, 10):
            put(journal, row(number))
        await mover.close()
        # Whoever reads later, or takes more rows, must not have it forget those it was moving.
        mover.move_all()
        mover.note_rows()
        mover.make_room()
        await asyncio.sleep(0.2)
        assert left_in(journal.path) == [row(number) for number in range(10)]
