"""What every book owes to whoever appends to it, whatever it is made of.

A book is tested from outside: rows go in, verdicts come out, and what the next server finds on disk
is compared with what was told. ``tests/store/books.py`` makes the books.
"""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest
from tests.records import changing
from tests.store.books import BOOKS, KINDS, Place, make_book
from tests.store.conftest import Kept, keep
from tests.store.test_journal import row

from headrace.core.executions import Status
from headrace.core.outcomes import FailureKind
from headrace.store.book import database as database_books
from headrace.store.book import journal as journal_books
from headrace.store.book import journal_file as files
from headrace.store.book import mover as movers
from headrace.store.book.journal_file import Journal
from headrace.store.book.port import Book, Verdict
from headrace.store.database import Database
from headrace.store.execution_row import COLUMNS, Row

DEADLINE_S = 30


@pytest.fixture(autouse=True)
def _a_busy_machine_is_no_slow_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "SLOW_S", 60.0)


@pytest.fixture(params=KINDS, ids="-".join)
def kind(request: pytest.FixtureRequest) -> tuple[str, str]:
    """A book, and the database that it is for."""
    found: tuple[str, str] = request.param
    return found


@pytest.fixture
def kept(kind: tuple[str, str], request: pytest.FixtureRequest) -> Iterator[Kept]:
    yield from keep(kind[1], request)


@pytest.fixture
def place(kept: Kept, tmp_path: Path) -> Place:
    return Place(tmp_path, kept.opened)


@dataclass
class Tried:
    """A book that is tested.

    Attributes:
        book: The book.
        place: Where it writes.
        file: The journal, whether the book uses it or not.
        told: Verdicts by the number of the row, in the order in which they came.
    """

    book: Book
    place: Place
    file: Journal
    told: list[tuple[int, Verdict]] = field(default_factory=list)
    is_closed: bool = False

    def append(self, number: int, made: Row | None = None, *, is_alone: bool = False) -> None:
        self.book.append(made or row(number), partial(self._hear, number), is_alone=is_alone)

    def _hear(self, number: int, verdict: Verdict) -> None:
        self.told.append((number, verdict))

    async def until_told(self, count: int) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while len(self.told) < count:
                await asyncio.sleep(0.002)

    async def close(self) -> None:
        if not self.is_closed:
            self.is_closed = True
            await self.book.close()

    def kept(self) -> list[int]:
        return [number for number, verdict in self.told if verdict is Verdict.KEPT]


@pytest.fixture
async def tried(
    kind: tuple[str, str], kept: Kept, place: Place, database: Database
) -> AsyncIterator[Tried]:
    file = place.file()
    book = make_book(kind[0], file, database, str(kept.records))
    made = Tried(book, place, file)
    yield made
    await made.close()


def running(number: int, status: Status = Status.RUNNING) -> Row:
    """The row of a call that has not ended."""
    changes = {"status": status.value, "ended_at": None}
    if status is Status.PENDING:
        changes["started_at"] = None
    fields = dict(zip(COLUMNS, row(number), strict=True)) | changes
    return tuple(fields[name] for name in COLUMNS)


async def test_each_row_has_one_verdict_and_is_found_if_it_was_kept(tried: Tried) -> None:
    for number in range(300):
        tried.append(number, is_alone=number % 3 == 0)
        if number % 50 == 0:
            await asyncio.sleep(0)
    await tried.until_told(300)
    assert sorted(number for number, _ in tried.told) == list(range(300))
    assert tried.kept(), "a book that refuses everything keeps nothing"
    found = await tried.place.found()
    assert {f"e{number:05}" for number in tried.kept()} <= found.keys()


async def test_rows_that_come_together_are_told_in_their_order(tried: Tried) -> None:
    for number in range(100):
        tried.append(number)
    await tried.until_told(100)
    assert tried.kept() == list(range(100))


async def test_rows_that_come_twice_are_kept_once_and_an_end_never_changes(tried: Tried) -> None:
    failed = list(row(7))
    failed[COLUMNS.index("status")] = Status.FAILED.value
    failed[COLUMNS.index("failure_kind")] = FailureKind.USER_ERROR.value
    failed[COLUMNS.index("failure_message")] = "why"
    for _ in range(2):
        tried.append(7)
        await tried.until_told(1)
    tried.append(7, tuple(failed))
    await tried.until_told(3)
    await tried.close()
    assert await tried.place.found() == {"e00007": "Succeeded"}


async def test_a_row_of_what_runs_follows_it_to_its_end(tried: Tried) -> None:
    """A book may refuse what has not ended; then nothing of it is there."""
    for status in (Status.PENDING, Status.RUNNING):
        tried.append(1, running(1, status))
        await tried.until_told(1)
        found = await tried.place.found()
        assert found == ({"e00001": status.value} if tried.kept() else {})
        tried.told.clear()
    tried.append(2, running(2))
    tried.append(2)
    tried.append(1)
    await tried.until_told(3)
    await tried.close()
    assert await tried.place.found() == {"e00001": "Succeeded", "e00002": "Succeeded"}


async def test_what_can_never_be_recorded_is_refused_alone(tried: Tried) -> None:
    broken = list(row(1))
    broken[COLUMNS.index("created_by")] = object()
    tried.append(0)
    tried.append(1, tuple(broken))
    tried.append(2)
    await tried.until_told(3)
    assert dict(tried.told)[1] is Verdict.REFUSED
    for number in (0, 2):
        # Beside such a row another one may be refused, as by a book that is not the last.
        assert dict(tried.told)[number] in {Verdict.KEPT, Verdict.REFUSED}
    await tried.close()
    found = await tried.place.found()
    assert {f"e{number:05}" for number in tried.kept()} == found.keys()


async def test_nothing_is_kept_of_a_pipeline_that_is_gone(tried: Tried) -> None:
    tried.append(1, row(1, pipeline="gone"))
    tried.append(2)
    await tried.until_told(2)
    await tried.close()
    assert (await tried.place.found()).keys() == {"e00002"}


@pytest.mark.parametrize("kind", [(name, "sqlite") for name in BOOKS], indirect=True)
async def test_a_full_disk_refuses_or_waits_and_what_is_told_is_true(
    tried: Tried, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    await database.write(lambda connection: connection.exec_driver_sql("PRAGMA max_page_count=1"))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", full)
        for number in range(20):
            tried.append(number, row(number, "x" * 6000), is_alone=number == 0)
        await asyncio.sleep(0.3)
        assert tried.kept() == []
    pages = "PRAGMA max_page_count=1073741823"
    await database.write(lambda connection: connection.exec_driver_sql(pages))
    await tried.until_told(20)
    found = await tried.place.found()
    assert {f"e{number:05}" for number in tried.kept()} <= found.keys()


async def test_a_disk_that_hangs_keeps_nobody_waiting_but_for_the_verdict(
    tried: Tried, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    goes_on = threading.Event()
    sync = os.fdatasync

    def hanging(file: int) -> None:
        assert goes_on.wait(DEADLINE_S)
        sync(file)

    monkeypatch.setattr(os, "fdatasync", hanging)
    with changing(kept.records):
        for number in range(10):
            tried.append(number)
            await asyncio.sleep(0.01)
        assert tried.told == []
        goes_on.set()
    await tried.until_told(10)
    assert tried.kept() == list(range(10))


async def test_a_book_that_is_closed_refuses_within_a_bound_what_it_cannot_write(
    tried: Tried, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (database_books, journal_books, movers):
        monkeypatch.setattr(module, "CLOSING_S", 0.1)
    goes_on = threading.Event()
    monkeypatch.setattr(os, "fdatasync", lambda _: goes_on.wait(DEADLINE_S))
    try:
        with changing(kept.records):
            for number in range(10):
                tried.append(number)
            await asyncio.sleep(0.05)
            async with asyncio.timeout(DEADLINE_S):
                await tried.close()
            assert sorted(tried.told) == [(number, Verdict.REFUSED) for number in range(10)]
    finally:
        goes_on.set()


async def test_of_a_damaged_journal_all_but_what_was_hit_is_found(tried: Tried) -> None:
    for number in range(30):
        tried.append(number)
    await tried.until_told(30)
    calls = tried.place.folder / "calls"
    content = bytearray(calls.read_bytes())
    at = content.find(b"e00011")
    if at >= 0:
        content[at] ^= 1
        calls.write_bytes(content)
    found = await tried.place.found()
    missing = {f"e{number:05}" for number in range(30)} - found.keys()
    assert missing <= {"e00011"}


def test_what_was_told_is_found_after_a_kill(
    kind: tuple[str, str], kept: Kept, place: Place
) -> None:
    script = Path(__file__).with_name("book_in_a_process.py")
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, script, str(place.folder), kind[0], str(kept.records)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": root},
    ) as process:
        assert process.stdout is not None
        told = [process.stdout.readline() for _ in range(500)]
        process.send_signal(signal.SIGKILL)
        told += process.stdout.readlines()
    numbers = {int(line) for line in told if line.endswith(b"\n")}
    found = asyncio.run(place.found_by_a_start())
    assert len(numbers) >= 500
    assert {f"e{number:05}" for number in numbers} <= found.keys()
