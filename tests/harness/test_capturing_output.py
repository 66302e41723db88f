"""From a pipe's bytes to the lines of a log, in pieces of any size."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace_harness.capture import LINE_BYTES, LogFile, Pipe


@pytest.fixture(scope="session")
def capture(tmp_path_factory):
    path = tmp_path_factory.mktemp("capture") / "log"

    def run(*pieces: bytes, max_bytes: int = 1 << 30) -> list[bytes]:
        path.unlink(missing_ok=True)
        log = LogFile(str(path), max_bytes)
        reader, writer = os.pipe()
        pipe = Pipe(reader, b"o", log)
        for piece in pieces:
            for start in range(0, len(piece), 60000):
                os.write(writer, piece[start : start + 60000])
                assert pipe.read()
        os.close(writer)
        pipe.drain()
        pipe.close()
        log.close()
        return [line.split(b" ", 2)[2] for line in path.read_bytes().split(b"\n")[:-1]]

    return run


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([], []),
        ([b"a\nb\n"], [b"a", b"b"]),
        ([b"a", b"b\nc"], [b"ab", b"c"]),
        ([b"\n\n"], [b"", b""]),
        ([b"a\r", b"\nb\r\n"], [b"a", b"b"]),
        ([b"10%\r20%\r", b"30%\r\n"], [b"30%"]),
        ([b"\r10%", b"\r20%", b"\r30%\nend\n"], [b"30%", b"end"]),
        ([b"10%\r20%"], [b"20%"]),
        ([b"a\xff\x00b\n"], [b"a\xff\x00b"]),
    ],
)
def test_pieces_become_lines(capture, pieces, lines):
    assert capture(*pieces) == lines


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_long_lines_are_cut_and_nothing_is_lost(capture, end):
    lines = capture(b"short\n" + b"x" * (LINE_BYTES * 2 + 5) + end)
    assert lines[0] == b"short"
    assert max(map(len, lines)) <= LINE_BYTES
    assert b"".join(lines[1:]) == b"x" * (LINE_BYTES * 2 + 5)


def test_a_bounded_log_is_filled_to_the_last_line_that_fits(capture):
    *kept, last = capture(b"x\n" * 30_000, b"y\n" * 100, max_bytes=100_000)
    assert kept == [b"x"] * (100_000 // 21)
    assert last.startswith(b"%d more lines were not kept" % (30_100 - len(kept)))


@given(st.lists(st.binary(max_size=20).map(lambda data: data.replace(b"\r", b""))))
def test_every_line_is_kept_whatever_the_pieces(capture, pieces):
    whole = b"".join(pieces)
    expected = whole.split(b"\n")
    if not expected[-1]:
        expected.pop()
    assert capture(*pieces) == expected
