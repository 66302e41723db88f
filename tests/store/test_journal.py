"""The journal: rows in, on disk at once, and found again whatever happened to the file."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from headrace.core.errors import Unavailable
from headrace.core.executions import Status
from headrace.runtime.recovery import take_up
from headrace.store import journal as journals
from headrace.store import warm
from headrace.store.database import Database
from headrace.store.journal import HALF_BYTES, Journal
from headrace.store.tables import executions
from headrace.store.warm import COLUMNS, Row

HEAD = 16
"""Bytes of an entry before its row."""


@pytest.fixture(autouse=True)
def _a_busy_machine_is_no_slow_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "SLOW_S", 60.0)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "calls"


@pytest.fixture
def journal(place: Path) -> Iterator[Journal]:
    with closing(opened(place)) as made:
        yield made


def opened(place: Path) -> Journal:
    """Return a journal that takes rows, whatever was in it."""
    made = Journal(place)
    made.clear()
    return made


def row(number: int, text: str = "[]", pipeline: str = "pipeline-1") -> Row:
    fields = {
        "id": f"e{number:05}",
        "status": Status.SUCCEEDED.value,
        "created_at": number,
        "started_at": number,
        "ended_at": number,
        "inputs": text,
        "outputs": "[]",
        "worker_id": "w",
        "pipeline_id": pipeline,
        "pipeline_name": "one",
        "created_by": "user-1",
        "attempt": 1,
        "retries": 0,
        "retry_backoff_s": 1.5,
        "waits": False,
        "is_warm": True,
    }
    return tuple(fields.get(name) for name in COLUMNS)


def left_in(place: Path) -> list[Row]:
    with closing(Journal(place)) as found:
        return found.left_behind


def test_rows_are_there_for_the_next_process(place: Path, journal: Journal) -> None:
    made = [row(number, "é\0\u2028" * number) for number in range(20)]
    assert all(journal.append(one) for one in made)
    assert journal.count == 20
    assert left_in(place) == made


def test_it_takes_nothing_before_what_was_left_is_seen_to(place: Path, journal: Journal) -> None:
    assert journal.append(row(1))
    with closing(Journal(place)) as again:
        assert not again.append(row(2))
        assert again.left_behind == [row(1)]
        again.clear()
        assert again.left_behind == []
        assert again.append(row(2))
        assert left_in(place) == [row(2)]


def test_while_rows_are_moved_others_come(place: Path, journal: Journal) -> None:
    assert [journal.append(row(number)) for number in range(3)] == [True] * 3
    assert journal.turn() == [row(0), row(1), row(2)]
    assert (journal.count, journal.is_empty) == (0, False)
    assert journal.append(row(3))
    assert journal.turn() == [], "those of the last time are not in the database yet"
    assert sorted(left_in(place)) == [row(number) for number in range(4)]
    journal.clear()
    assert left_in(place) == [row(3)]
    assert journal.turn() == [row(3)]
    journal.clear()
    assert journal.is_empty
    assert left_in(place) == []


def test_what_an_earlier_use_left_behind_a_shorter_one_is_not_found(
    place: Path, journal: Journal
) -> None:
    for number in range(0, 60, 10):
        for one in range(number, number + 10 - number // 10):
            assert journal.append(row(one))
        expected = [row(one) for one in range(number, number + 10 - number // 10)]
        assert left_in(place) == expected
        assert journal.turn() == expected
        journal.clear()
    assert left_in(place) == []


def test_a_full_half_takes_no_more(place: Path, journal: Journal) -> None:
    text = "x" * 60_000
    taken = 0
    while journal.append(row(taken, text)):
        taken += 1
    assert taken == HALF_BYTES // (60_000 + HEAD + 400)
    assert place.stat().st_size == 2 * HALF_BYTES
    assert len(journal.turn()) == taken
    assert journal.append(row(taken, text))
    assert len(left_in(place)) == taken + 1


def test_large_and_strange_rows_are_for_another_way(place: Path, journal: Journal) -> None:
    assert not journal.append(row(1, "x" * 65_536))
    assert not journal.append(row(2, "\ud800"))
    assert not journal.append((object(), *row(3)[1:]))
    assert journal.append(row(4))
    assert left_in(place) == [row(4)]


def test_a_slow_disk_is_left_alone_for_a_while(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "SLOW_S", 0.0)
    monkeypatch.setattr(journals, "SLOW_PAUSE", 1_000_000)
    assert [journal.append(row(number)) for number in range(5)] == [True] * 3 + [False] * 2


def test_a_disk_that_was_busy_once_is_not_slow(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "SLOW_PAUSE", 1_000_000)
    for number in range(12):
        # Two of three are slow.
        monkeypatch.setattr(journals, "SLOW_S", 0.0 if number % 3 else 60.0)
        assert journal.append(row(number))


def test_it_is_its_owners_alone(place: Path, journal: Journal) -> None:
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_one_without_room_says_so_and_has_no_rows(place: Path) -> None:
    place.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space"):
        Journal(place)
    assert not Journal.may_have_rows(place)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_of_a_damaged_file_the_rows_before_the_damage_are_found(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Whatever was being written when the power went: what was taken before is whole."""
    place = tmp_path_factory.mktemp("damaged") / "calls"
    texts = data.draw(st.lists(st.text(max_size=40), min_size=1, max_size=6))
    made = [row(number, text) for number, text in enumerate(texts)]
    ends = [0]
    with closing(opened(place)) as journal:
        for one in made:
            # Of an earlier use, longer than what comes, so that it shows behind it.
            assert journal.append((*one[:5], "z" * 300, *one[6:]))
        journal.turn()
        journal.clear()
        journal.append(row(99))
        journal.turn()
        journal.clear()
        for one in made:
            assert journal.append(one)
    content = place.read_bytes()
    for _ in made:
        ends.append(ends[-1] + HEAD // 2 + int.from_bytes(content[ends[-1] : ends[-1] + 4]))
    at = data.draw(st.integers(0, ends[-1] - 1))
    damaged = bytearray(content)
    damaged[at] ^= data.draw(st.integers(1, 255))
    place.write_bytes(damaged)
    whole = next(number for number, (_, end) in enumerate(pairwise(ends)) if at < end)
    assert left_in(place) == made[:whole]


async def test_rows_that_come_twice_or_too_late_are_seen_to(
    place: Path, journal: Journal, database: Database
) -> None:
    """Some may have been moved before the end, and the pipeline of others deleted."""
    for number in range(3):
        assert journal.append(row(number))
    assert journal.append(row(3, pipeline="gone"))

    def ids(connection: Connection) -> list[str]:
        return list(connection.scalars(select(executions.c.id).order_by(executions.c.id)))

    await database.write(warm.record, warm.Records([row(1)]))
    for _ in range(2):
        rows = left_in(place)
        lost = await database.write(warm.record, warm.Records(rows), is_repeated=True)
        assert lost == {"e00003"}
        assert await database.read(ids) == ["e00000", "e00001", "e00002"]


async def test_a_row_that_cannot_be_recorded_does_not_keep_a_server_from_starting(
    place: Path, journal: Journal, database: Database
) -> None:
    assert journal.append(row(1))
    assert journal.append((row(2)[0], None, *row(2)[2:]))
    assert journal.append(row(3))

    def ids(connection: Connection) -> list[str]:
        return list(connection.scalars(select(executions.c.id).order_by(executions.c.id)))

    taken = await take_up(place, database)
    assert taken is not None
    with closing(taken):
        assert await database.read(ids) == ["e00001", "e00003"]
        assert taken.append(row(4))
        assert left_in(place) == [row(4)]


async def test_without_a_journal_calls_go_the_other_way_but_none_is_left_behind_unread(
    tmp_path: Path, place: Path, journal: Journal, database: Database
) -> None:
    assert await take_up(tmp_path / "missing" / "calls", database) is None
    assert journal.append(row(1))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(journals, "_half", _unreadable)
        with pytest.raises(Unavailable, match="cannot be read"):
            await take_up(place, database)


def _unreadable(file: int, begin: int) -> bytes:
    raise OSError(5, "Input/output error")
