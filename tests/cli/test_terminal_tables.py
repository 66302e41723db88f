"""Tables and values as a terminal shows them."""

from __future__ import annotations

import io
import re
import sys
from datetime import UTC, datetime
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headrace.cli.output import Screen
from headrace.cli.tables import Column, beginnings, fitted_lines, near_time, plain_lines
from headrace.cli.terminal import columns_of, cut, has_colours, printable

CODE = re.compile(r"\x1b\[[0-9;]*m")
COLUMNS = (
    Column("ID"),
    Column("PIPELINE", "folds"),
    Column("DEPLOYMENT", "goes"),
    Column("STATUS"),
    Column("REASON", "is cut"),
)
LONG = ("01a21f2f-2cd8", "p" * 60, "d" * 30, "Failed", "ValueError: " + "x" * 200)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_table_fits_into_the_terminal() -> None:
    lines = fitted_lines(COLUMNS, [LONG], 80, in_colour=False)
    assert max(map(columns_of, lines)) <= 80
    assert lines[0].split() == ["ID", "PIPELINE", "STATUS", "REASON"]
    # A name can be read whole, and a sentence says that it goes on.
    assert sum(line.count("p") for line in lines[1:]) == 60
    assert lines[1].endswith("…")


def test_what_fits_is_left_alone() -> None:
    row = ("01a21f2f-2cd8", "iris", "-", "Succeeded", "")
    wide = fitted_lines(COLUMNS, [row], 80, in_colour=False)
    assert wide == plain_lines(COLUMNS, [row])
    assert wide[1].split() == ["01a21f2f-2cd8", "iris", "-", "Succeeded"]


@settings(deadline=None)
@given(
    st.lists(st.tuples(*[st.text("ab é漢\u0301", max_size=50)] * 5), min_size=1, max_size=4),
    st.integers(60, 200),
)
def test_no_table_is_wider_than_asked_for_where_columns_give_way(rows, width) -> None:
    columns = [Column("ABC", "folds"), Column("D", "is cut"), *[Column("E", "folds")] * 3]
    lines = fitted_lines(columns, rows, width, in_colour=False)
    assert max(map(columns_of, lines)) <= width


def test_statuses_have_colours_and_columns_keep_their_width() -> None:
    rows = [("a", "Failed", "x"), ("b", "Succeeded", "y")]
    columns = [Column("ID"), Column("STATUS"), Column("WHY")]
    coloured = fitted_lines(columns, rows, 80, in_colour=True)
    assert "\x1b[31mFailed\x1b[0m" in coloured[1]
    assert "\x1b[32mSucceeded\x1b[0m" in coloured[2]
    assert [CODE.sub("", line) for line in coloured] == plain_lines(columns, rows)


def test_ids_are_shown_as_long_as_they_must_be() -> None:
    ids = ["01a21f2f-2cd8-70be-ad05-0a55f698fb3f", "01a21f2f-2cd8-70bf-ad05-0a55f698fb3f"]
    later = "01a21f3e-cbc6-7dcc-8f1f-0b7c8c42722e"
    short = beginnings([*ids, later])
    assert short == {
        ids[0]: "01a21f2f-2cd8-70be",
        ids[1]: "01a21f2f-2cd8-70bf",
        later: "01a21f3e-cbc6",
    }


def test_times_are_as_short_as_they_are_clear() -> None:
    today = datetime.now(UTC).strftime("%Y-%m-%dT23:02:18.123Z")
    assert near_time(today) == "23:02:18Z"
    assert near_time("2001-02-03T04:05:06.789Z") == "2001-02-03"


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\x1b[31mb", "a\\x1b[31mb"), ("a\nb", "a b"), ("a\x07", "a\\x07"), ("é漢", "é漢")],
)
def test_nothing_in_a_value_moves_the_cursor(text: str, shown: str) -> None:
    assert printable(text, keeps_lines=False) == shown


def test_a_text_is_cut_by_columns() -> None:
    assert cut("abcdef", 4) == "abc…"
    assert cut("漢字漢字", 5) == "漢字…"
    assert cut("abc", 3) == "abc"


@pytest.mark.parametrize(
    ("environ", "is_coloured"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_who_wants_no_colours_gets_none(environ: dict[str, str], is_coloured: bool) -> None:
    with mock.patch.dict("os.environ", environ, clear=True):
        assert has_colours(Terminal()) is is_coloured
        assert has_colours(io.StringIO()) is False


def test_a_big_value_is_cut_on_a_terminal_alone() -> None:
    screen, big = Screen(), "x" * 5000
    for stream, is_cut in ((Terminal(), True), (io.StringIO(), False)):
        with mock.patch.object(sys, "stdout", stream):
            screen.fields([("y", big)], None, whole="headrace executions outputs 1 --json")
        shown = stream.getvalue()
        assert (big in shown) is not is_cut
        assert ("5,000 characters, cut here. The whole: headrace executions" in shown) is is_cut
