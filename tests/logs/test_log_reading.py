"""Pieces of log files against a model that reads the whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from headrace.core.loglines import LogLine, format_line, parse_line
from headrace.logs.files import LogFiles, append_line, read_after, read_lines

writes = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([0, 10, 300, 70_000, 200_000])), max_size=12
)
times = st.none() | st.integers(0, 40)
tails = st.sampled_from([b"", b"9", b"99 o", b"99 o torn"])
shared_folder = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def written(path: Path, lines: list[tuple[int, int]], tail: bytes) -> list[LogLine]:
    """Write lines of so many microseconds after the one before, and so long; return them."""
    at, model, text = 0, [], b""
    for number, (step, length) in enumerate(lines):
        at += step
        message = f"{number} ".ljust(length, "x")
        model.append(LogLine(at, "stdout", message))
        text += format_line(at, "o", message)
    path.write_bytes(text + tail)
    return model


@given(writes, tails, times, times, st.integers(0, 15))
@example([(7, 70_000)] + [(0, 70_000)] * 3, b"", 7, None, 9)
@shared_folder
def test_reading_by_time_agrees_with_a_model(
    tmp_path: Path,
    lines: list[tuple[int, int]],
    tail: bytes,
    from_us: int | None,
    to_us: int | None,
    limit: int,
) -> None:
    path = tmp_path / "a.log"
    wanted = [
        line
        for line in written(path, lines, tail)
        if (from_us is None or line.at_us >= from_us) and (to_us is None or line.at_us < to_us)
    ]
    assert read_lines(path, limit=limit, from_us=from_us, to_us=to_us) == wanted[:limit]


@given(writes, tails, st.integers(1, 5))
@shared_folder
def test_following_finds_each_line_once(
    tmp_path: Path, lines: list[tuple[int, int]], tail: bytes, limit: int
) -> None:
    path = tmp_path / "a.log"
    model = written(path, lines, tail)
    found: list[LogLine] = []
    cursor = 0
    while True:
        piece, after = read_after(path, cursor, limit=limit)
        assert len(piece) <= limit
        found += piece
        if after == cursor:
            break
        cursor = after
    assert found == model
    assert cursor == path.stat().st_size - len(tail)


@given(
    st.lists(st.sampled_from([b"5 o a\n", b"junk\n", b"\n", b"6 x a\n", b"7 e b\n"]), max_size=9)
)
@shared_folder
def test_lines_that_are_none_are_passed_over(tmp_path: Path, raw: list[bytes]) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"".join(raw))
    wanted = [line for piece in raw if (line := parse_line(piece))]
    assert read_lines(path, limit=99) == wanted
    assert read_after(path, 0, limit=99) == (wanted, path.stat().st_size)


def test_a_torn_line_is_read_once_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"1 o first\n2 o sec")
    assert [line.message for line in read_lines(path, limit=9)] == ["first"]
    lines, cursor = read_after(path, 0, limit=9)
    assert [line.message for line in lines] == ["first"]
    with path.open("ab") as file:
        file.write(b"ond\n")
    lines, cursor = read_after(path, cursor, limit=9)
    assert [line.message for line in lines] == ["second"]
    assert read_after(path, cursor, limit=9) == ([], cursor)


def test_a_file_that_there_is_not_has_no_lines(tmp_path: Path) -> None:
    assert read_lines(tmp_path / "a.log", limit=9, from_us=0) == []
    assert read_after(tmp_path / "a.log", 7, limit=9) == ([], 7)


@pytest.mark.parametrize("cursor", [1_000, 1 << 40, 1 << 62])
def test_a_cursor_past_the_end_finds_nothing(tmp_path: Path, cursor: int) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"1 o first\n")
    assert read_after(path, cursor, limit=9) == ([], cursor)


def test_a_million_lines_are_found_by_time(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    with path.open("wb") as file:
        file.writelines(b"%d o line %d\n" % (10 * n, n) for n in range(1_000_000))
    for number in (0, 1, 499_999, 500_001, 999_999):
        lines = read_lines(path, limit=2, from_us=10 * number - 5)
        assert lines[0].message == f"line {number}"
    assert read_lines(path, limit=2, from_us=10_000_000) == []


async def test_what_headrace_says_is_in_lines(tmp_path: Path) -> None:
    path = LogFiles(tmp_path / "logs").of_build("pipeline-1")
    append_line(path, "one\ntwo")
    append_line(path, "")
    lines = read_lines(path, limit=9)
    assert [(line.stream, line.message) for line in lines] == [
        ("headrace", "one"),
        ("headrace", "two"),
        ("headrace", ""),
    ]
    files = LogFiles(tmp_path / "logs")
    await files.remove(path)
    await files.remove(path)
    assert read_lines(path, limit=9) == []
