"""The journal: rows in, on disk at once, and found again whatever happened to the file."""

from __future__ import annotations

import stat
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from headrace.core.errors import Unavailable
from headrace.core.executions import Status
from headrace.store.book import journal_file as journals
from headrace.store.book import journal_format as form
from headrace.store.book.journal_file import Journal
from headrace.store.book.journal_format import FILE_BYTES, HALF_BYTES, HEAD_BYTES
from headrace.store.book.recovery import take_up
from headrace.store.book.rows import record
from headrace.store.database import Database
from headrace.store.execution_row import COLUMNS, Row
from headrace.store.tables import executions


@pytest.fixture
def database(file_database: Database) -> Database:
    return file_database


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
        "is_low_latency": True,
        "pipeline_version": 1,
    }
    return tuple(fields.get(name) for name in COLUMNS)


def put(journal: Journal, one: Row) -> None:
    """Have a row taken, however slow the disk is."""
    piece = journal.prepare([one])
    assert piece is not None
    journal.write(piece)
    journal.keep(piece)


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
    assert abs(taken - HALF_BYTES // (60_000 + HEAD_BYTES + 400)) <= 1
    assert place.stat().st_size == FILE_BYTES
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
    with closing(Journal(place)) as made, pytest.raises(OSError, match="No space"):
        made.clear()
    assert not Journal.may_have_rows(place)


def test_many_rows_are_one_piece_and_those_without_room_are_left(journal: Journal) -> None:
    many = [row(number, "x" * 50_000) for number in range(100)]
    piece = journal.prepare(many)
    assert piece is not None
    assert 50 < len(piece.rows) < 100
    journal.write(piece)
    assert journal.turn() == [], "while it is written nothing is turned"
    journal.keep(piece)
    assert journal.prepare(many[len(piece.rows) :]) is None
    assert journal.turn() == piece.rows
    rest = journal.prepare(many[len(piece.rows) :])
    assert rest is not None
    journal.write(rest)
    journal.keep(rest)
    assert left_in(journal.path) == many


def test_a_piece_that_could_not_be_written_is_dropped(journal: Journal) -> None:
    assert journal.append(row(1))
    piece = journal.prepare([row(2)])
    assert piece is not None
    journal.drop()
    assert journal.turn() == [row(1)]


@dataclass
class Made:
    """A file with entries, earlier ones of several uses left behind them.

    Attributes:
        content: Its bytes.
        rows: What counts in it, in the order of the file.
        spans: Where the entry of each of these rows is.
    """

    content: bytes = field(repr=False)
    rows: list[Row]
    spans: list[tuple[int, int]]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    place = tmp_path_factory.mktemp("made") / "calls"
    rows = [row(number, "é" * (7 * number)) for number in range(12)]
    with closing(opened(place)) as journal:
        for use in range(4):
            # Longer ones, of the same length, and shorter ones, so that all show behind the last.
            for number in range(8):
                put(journal, row(900 + number, "z" * (300 - 90 * use)))
            assert len(journal.turn()) == 8
            journal.clear()
        for one in rows[:6]:
            put(journal, one)
        assert journal.turn() == rows[:6]
        for one in rows[6:]:
            put(journal, one)
    content = place.read_bytes()
    spans = []
    for one in rows:
        body = form.body_of(one)
        at = content.index(body)
        spans.append((at - HEAD_BYTES, at + len(body)))
    return Made(content, rows, spans)


def read_back(content: bytes) -> tuple[list[Row], int, bool]:
    """Rows, number of lost ones, and whether the last entry is torn, of a file."""
    halves = form.read_halves(content)
    return (
        [row for half in halves for row in half.rows],
        sum(half.lost for half in halves),
        any(half.is_torn for half in halves),
    )


def test_nothing_is_missing_from_a_file_that_is_whole(made: Made) -> None:
    assert read_back(made.content) == (made.rows, 0, False)


@settings(max_examples=200, deadline=None)
@example(number=5, offset=60, bit=0)
@given(number=st.integers(0, 11), offset=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_one_flipped_bit_loses_one_entry_at_most_and_that_is_said(
    made: Made, number: int, offset: int, bit: int
) -> None:
    begin, end = made.spans[number]
    damaged = bytearray(made.content)
    damaged[begin + offset % (end - begin)] ^= 1 << bit
    rows, lost, is_torn = read_back(bytes(damaged))
    if rows == made.rows:
        # It was in the mark, which is needed only behind another damage.
        assert offset % (end - begin) < 4
        return
    assert rows == made.rows[:number] + made.rows[number + 1 :]
    # The last one of all may as well be one that was being written.
    assert (lost, is_torn) == ((0, True) if number == 11 else (1, False))


@settings(max_examples=100, deadline=None)
@given(at=st.integers(0, form.BLOCK_BYTES - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_before_the_entries_loses_none(made: Made, at: int, bit: int) -> None:
    damaged = bytearray(made.content)
    damaged[at] ^= 1 << bit
    assert read_back(bytes(damaged)) == (made.rows, 0, False)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_whatever_is_damaged_all_other_entries_are_found(made: Made, data: st.DataObject) -> None:
    """Zeroed blocks, garbage, a file that was cut: what is whole is found, and nothing else."""
    damaged = bytearray(made.content)
    last = made.spans[-1][1]
    is_hit = [False] * len(made.rows)
    for _ in range(data.draw(st.integers(1, 4))):
        # Near the entries, or near the beginning of the file, which says which of them count.
        at = data.draw(st.one_of(*[st.integers(begin, end) for begin, end in made.spans]))
        size = data.draw(st.sampled_from([1, 8, 512, 4096]))
        kind = data.draw(st.sampled_from(["zeros", "garbage", "cut"]))
        if kind == "cut":
            del damaged[at:]
            size = last
        elif kind == "zeros":
            damaged[at : at + size] = bytes(len(damaged[at : at + size]))
        else:
            damaged[at : at + size] = data.draw(
                st.binary(
                    min_size=len(damaged[at : at + size]), max_size=len(damaged[at : at + size])
                )
            )
        for number, (begin, end) in enumerate(made.spans):
            is_hit[number] |= begin < at + size and at < end
    rows, lost, _ = read_back(bytes(damaged))
    whole = [one for one, hit in zip(made.rows, is_hit, strict=True) if not hit]
    # Where the damage changed nothing, an entry is whole all the same.
    assert [one for one in rows if one in whole] == whole
    assert all(one in made.rows for one in rows)
    assert len(rows) + lost <= len(made.rows)


def test_whatever_the_file_is_a_journal_can_be_made_of_it(place: Path) -> None:
    for content in (b"", b"\0" * 100, b"x" * 10_000, b"\xff\xfeHR" * 5000, bytes(2 << 20)):
        place.write_bytes(content)
        with closing(Journal(place)) as journal:
            assert journal.left_behind == []
            journal.clear()
            assert journal.append(row(1))
        assert left_in(place) == [row(1)]
        assert place.stat().st_size == FILE_BYTES


def old_file(rows: Sequence[Row], *, is_cleared: bool = False) -> bytearray:
    """The file of a version that did not mark its entries."""
    half = bytearray()
    for one in rows:
        body = (7).to_bytes(8) + form.body_of(one)
        half += len(body).to_bytes(4) + zlib.crc32(body).to_bytes(4) + body
    if is_cleared:
        half[:16] = bytes(16)
    return half + bytes((2 << 20) - len(half))


def test_the_file_of_an_earlier_version_is_taken_up(place: Path) -> None:
    rows = [row(number) for number in range(5)]
    place.write_bytes(old_file(rows))
    assert left_in(place) == rows
    place.write_bytes(old_file(rows, is_cleared=True))
    assert left_in(place) == []
    damaged = old_file(rows)
    damaged[len(bytes(damaged).rstrip(b"\0")) // 2] ^= 4
    place.write_bytes(damaged)
    with closing(Journal(place)) as journal:
        assert len(journal.left_behind) == 4
        assert journal.lost == 1
        journal.clear()
        assert journal.append(row(9))
    assert left_in(place) == [row(9)]


async def test_what_is_lost_is_said_at_the_start(
    place: Path, journal: Journal, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(3):
        assert journal.append(row(number))
    content = bytearray(place.read_bytes())
    content[content.index(b"e00001")] ^= 1
    place.write_bytes(content)
    taken = await take_up(place, database)
    assert taken is not None
    taken.close()
    assert "was damaged: 1 calls that were answered are lost, 2 others were found" in caplog.text


async def test_rows_that_come_twice_or_too_late_are_seen_to(
    place: Path, journal: Journal, database: Database
) -> None:
    """Some may have been moved before the end, and the pipeline of others deleted."""
    for number in range(3):
        assert journal.append(row(number))
    assert journal.append(row(3, pipeline="gone"))

    def ids(connection: Connection) -> list[str]:
        return list(connection.scalars(select(executions.c.id).order_by(executions.c.id)))

    await database.write(record, [row(1)])
    for _ in range(2):
        rows = left_in(place)
        lost = await database.write(record, rows)
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
        patch.setattr(journals, "_read", _unreadable)
        with pytest.raises(Unavailable, match="cannot be read"):
            await take_up(place, database)


def _unreadable(file: int) -> bytes:
    raise OSError(5, "Input/output error")
