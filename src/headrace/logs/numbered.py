"""Lines of log files by their numbers: windows of a long log, and a search of the whole.

Lines are counted by their ends, a piece of a mebibyte at a time. What was counted of a file is kept
for a while, so that the next question counts what was written since.
"""

from __future__ import annotations

import re
import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from headrace.core.loglines import LogLine, parse_line

WINDOW_BYTES = 1_000_000
"""A window ends after so many bytes, although it has fewer lines than were asked for."""

MOST_FOUND = 10_000
"""A search ends after so many lines that fit."""

# What is said to terminals about colours, between the letters of what one sees.
_COLOURS = re.compile(rb"\x1b\[[0-9;:?]*[A-Za-z]")

_PIECE = 1 << 20
_KEPT = 64


@dataclass(frozen=True, slots=True)
class NumberedLine:
    """A line and its number, from 1."""

    number: int
    line: LogLine


@dataclass(frozen=True, slots=True)
class Window:
    """Some lines of a log.

    Attributes:
        lines: The lines, in their order.
        first: Number of the first one that was asked for and is there.
        after: Number of the line after the last one of them.
        total: How many lines the log has.
        cursor: Where line ``after`` begins, in bytes.
    """

    lines: Sequence[NumberedLine]
    first: int
    after: int
    total: int
    cursor: int


@dataclass(frozen=True, slots=True)
class FoundLines:
    """The lines of a log that have a text.

    Attributes:
        lines: The first ones after the line that was named.
        count: How many have it in all.
        is_exact: Whether all lines were looked at.
    """

    lines: Sequence[NumberedLine]
    count: int
    is_exact: bool


@dataclass(slots=True)
class _Counted:
    """Ends of lines that were counted: before each of some offsets, so many."""

    offsets: list[int] = field(default_factory=lambda: [0])
    counts: list[int] = field(default_factory=lambda: [0])


class LineNumbers:
    """The numbers of lines in log files, as far as they were counted."""

    def __init__(self) -> None:
        self._known: OrderedDict[Path, _Counted] = OrderedDict()
        self._lock = threading.Lock()

    def window(self, path: Path, first: int, limit: int) -> Window:
        """Return at most ``limit`` whole lines from a number on.

        Args:
            path: The log; one that is not there has no lines.
            first: The number of the first line; a negative one is counted from the end.
            limit: How many at most.
        """
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return Window((), 1, 1, 0, 0)
        with file:
            counted, total = self._count(path, file)
            first = max(1, total + 1 + first if first < 0 else first)
            number = min(first, total + 1)
            self._seek(file, counted, number)
            lines: list[NumberedLine] = []
            begin = cursor = file.tell()
            after = number
            while after <= total and after - number < limit and cursor - begin < WINDOW_BYTES:
                raw = file.readline()
                if (line := parse_line(raw)) is not None:
                    lines.append(NumberedLine(after, line))
                cursor += len(raw)
                after += 1
            return Window(lines, number, after, total, cursor)

    def search(self, path: Path, text: str, *, after: int, limit: int) -> FoundLines:
        """Return lines that have a text, ASCII letters in whatever case, without their colours.

        Args:
            path: The log.
            text: The text, not empty.
            after: The number of a line: only later ones are returned, and all are counted.
            limit: How many are returned at most.
        """
        needle = text.encode().lower()
        found: list[NumberedLine] = []
        count = 0
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return FoundLines((), 0, is_exact=True)
        with file:
            for number, raw in _having(file, self._pieces(path, file), needle):
                line = parse_line(raw)
                # The text may be one of the time that a line begins with.
                if line is None or needle not in line.message.encode().lower():
                    continue
                count += 1
                if number > after and len(found) < limit:
                    found.append(NumberedLine(number, line))
                if count == MOST_FOUND:
                    return FoundLines(found, count, is_exact=False)
        return FoundLines(found, count, is_exact=True)

    def _pieces(self, path: Path, file: BinaryIO) -> list[tuple[int, int]]:
        """Return where the pieces of a file begin, and how many lines end before each of them."""
        counted, _ = self._count(path, file)
        with self._lock:
            return list(zip(counted.offsets, counted.counts, strict=True))

    def _count(self, path: Path, file: BinaryIO) -> tuple[_Counted, int]:
        """Return what is known of a file, and how many whole lines it has now."""
        with self._lock:
            known = self._known.pop(path, None) or _Counted()
            self._known[path] = known
            if len(self._known) > _KEPT:
                self._known.popitem(last=False)
            file.seek(0, 2)
            if file.tell() < known.offsets[-1]:
                # Another file has come to its place.
                known.offsets[1:], known.counts[1:] = [], []
            file.seek(known.offsets[-1])
            count = known.counts[-1]
            while piece := file.read(_PIECE):
                count += piece.count(b"\n")
                if len(piece) == _PIECE:
                    known.offsets.append(known.offsets[-1] + _PIECE)
                    known.counts.append(count)
            return known, count

    @staticmethod
    def _seek(file: BinaryIO, counted: _Counted, number: int) -> None:
        """Go to the begin of a line that is there, or to the end of the last one."""
        # The last offset before which fewer lines ended than come before the one that is wanted.
        at = max(0, bisect_right(counted.counts, number - 2) - 1) if number > 1 else 0
        file.seek(counted.offsets[at])
        for _ in range(number - 1 - counted.counts[at]):
            file.readline()


def _having(
    file: BinaryIO, pieces: Sequence[tuple[int, int]], needle: bytes
) -> Iterator[tuple[int, bytes]]:
    """Yield number and bytes of each whole line that has some small bytes.

    A piece is searched as a whole; its lines are counted only up to those that have them.
    """
    for offset, ended in pieces:
        begin, text = _lines_of(file, offset)
        small, counted = text.lower(), 0
        number = ended + 1 if begin == offset else ended + 2
        at = small.find(needle)
        while at >= 0:
            begin = small.rfind(b"\n", 0, at) + 1
            stop = small.find(b"\n", at)
            if stop < 0:
                # The line is being written.
                return
            number += small.count(b"\n", counted, begin)
            counted = begin
            yield number, text[begin : stop + 1]
            at = small.find(needle, stop + 1)


def _lines_of(file: BinaryIO, offset: int) -> tuple[int, bytes]:
    """Return where the first line begins that begins in a piece, and all such, without colours."""
    begin = offset
    if offset:
        file.seek(offset - 1)
        begin += len(file.readline()) - 1
    file.seek(begin)
    text = file.read(max(0, offset + _PIECE - begin))
    if text and not text.endswith(b"\n"):
        text += file.readline()
    return begin, _COLOURS.sub(b"", text) if b"\x1b" in text else text
