"""Windows of log files by line, and searches, against a model that reads the whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headrace.core.loglines import format_line
from headrace.logs import numbered
from headrace.logs.numbered import LineNumbers

shared_folder = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
messages = st.lists(
    st.sampled_from(["", "a", "Plan B", "xplan b", "12 o", "é PLAN B", "y" * 40]), max_size=30
)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces that are shorter than most lines."""
    monkeypatch.setattr(numbered, "_PIECE", 16)


@given(messages, messages, st.integers(-35, 70), st.integers(1, 12))
@shared_folder
def test_windows_are_slices_also_while_the_log_grows(
    small: None, tmp_path: Path, before: list[str], later: list[str], first: int, limit: int
) -> None:
    path, numbers = tmp_path / "a.log", LineNumbers()
    path.write_bytes(b"")
    written: list[str] = []
    for part in (before, later):
        with path.open("ab") as file:
            file.writelines(format_line(7, "o", message) for message in part)
        written += part
        found = numbers.window(path, first, limit)
        begin = max(1, len(written) + 1 + first) if first < 0 else max(1, first)
        expected = list(enumerate(written, 1))[begin - 1 : begin - 1 + limit]
        assert [(one.number, one.line.message) for one in found.lines] == expected
        assert found.total == len(written)
        assert found.after == found.first + len(found.lines)
        with path.open("rb") as file:
            assert file.read(found.cursor).count(b"\n") == found.after - 1


@given(
    messages, st.sampled_from(["plan b", "Y" * 40, "12", "o", "é", "nothing"]), st.integers(0, 9)
)
@shared_folder
def test_a_search_finds_each_line_once(
    small: None, tmp_path: Path, lines: list[str], text: str, after: int
) -> None:
    path = tmp_path / "a.log"
    # What is torn at the end is no line yet.
    path.write_bytes(b"".join(format_line(12, "o", one) for one in lines) + b"12 o plan b")
    found = LineNumbers().search(path, text, after=after, limit=3)
    expected = [at for at, one in enumerate(lines, 1) if text.lower() in one.lower()]
    assert [one.number for one in found.lines] == [at for at in expected if at > after][:3]
    assert (found.count, found.is_exact) == (len(expected), True)


def test_a_search_ends_where_too_many_lines_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbered, "MOST_FOUND", 5)
    path = tmp_path / "a.log"
    path.write_bytes(format_line(1, "o", "x") * 9)
    found = LineNumbers().search(path, "x", after=0, limit=2)
    assert ([one.number for one in found.lines], found.count) == ([1, 2], 5)
    assert not found.is_exact


def test_colours_are_not_in_the_way_of_a_search(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(format_line(1, "o", "a") + format_line(1, "o", "\x1b[1;32mst\x1b[0mep 7"))
    found = LineNumbers().search(path, "Step 7", after=0, limit=5)
    assert [(one.number, one.line.message) for one in found.lines] == [(2, "step 7")]


def test_a_window_has_a_bound_in_bytes_and_torn_lines_have_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(numbered, "WINDOW_BYTES", 30)
    path = tmp_path / "a.log"
    path.write_bytes(b"torn\n" + format_line(1, "e", "z" * 40) * 3)
    found = LineNumbers().window(path, 1, 100)
    assert [one.number for one in found.lines] == [2]
    assert (found.first, found.after, found.total) == (1, 3, 4)
    assert LineNumbers().window(tmp_path / "none.log", 5, 10).lines == ()


def test_another_file_in_its_place_is_counted_anew(small: None, tmp_path: Path) -> None:
    path, numbers = tmp_path / "a.log", LineNumbers()
    path.write_bytes(format_line(1, "o", "x") * 20)
    assert numbers.window(path, -1, 5).total == 20
    path.write_bytes(format_line(1, "o", "y") * 3)
    assert numbers.window(path, -1, 5).total == 3
