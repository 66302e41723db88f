"""Log lines, between their text and their meaning."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.loglines import STREAMS, LogLine, format_line, parse_line

messages = st.text().filter(lambda text: "\n" not in text)


@given(st.integers(0, 1 << 62), st.sampled_from(sorted(STREAMS)), messages)
def test_a_line_is_read_back(at_us: int, letter: str, message: str) -> None:
    whole = message.encode("utf-8", "replace").decode()
    raw = format_line(at_us, letter, message)
    assert raw.count(b"\n") == 1
    assert parse_line(raw) == LogLine(at_us, STREAMS[letter], whole)


@given(st.binary())
def test_any_bytes_are_a_line_or_none(raw: bytes) -> None:
    line = parse_line(raw)
    assert line is None or line.stream in STREAMS.values()


@pytest.mark.parametrize(
    "raw", [b"", b"\n", b"12", b"12 ", b"12 x a", b"a o b", b" o a", b"-1 o a"]
)
def test_torn_lines_are_none(raw: bytes) -> None:
    assert parse_line(raw) is None


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"5 o a b  c \n", "a b  c "),
        (b"5 o \n", ""),
        (b"5 o", ""),
        (b"5 o \xff\xfe\n", "\ufffd\ufffd"),
        (b"5 o \r\n", "\r"),
    ],
)
def test_messages_are_kept_as_they_are(raw: bytes, message: str) -> None:
    assert parse_line(raw) == LogLine(5, "stdout", message)
