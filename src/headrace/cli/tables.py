"""Tables for terminals, which fit into their width, and for pipes, which hold everything."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from headrace.cli.terminal import colour_of, columns_of, cut, painted
from headrace.core.clock import now

GAP = 2
ID_CHARACTERS = 13
"""How much of an id is shown at least: its milliseconds."""

LEAST = 8
"""Columns that are left to a cell that is made narrower."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, and how it gives way where there is no room.

    Attributes:
        title: Its title.
        gives_way: ``never``; ``folds`` onto further lines, as names do, which one has to read
            whole; ``is cut``, as sentences are; ``goes`` altogether.
    """

    title: str
    gives_way: str = "never"


def beginnings(ids: Iterable[str]) -> dict[str, str]:
    """Return for each id a beginning of it, none of which is the beginning of another.

    Ids begin with their time, so whatever came between them does not begin so either, unless it
    came in the same millisecond.
    """
    known = sorted(set(ids))
    found = {}
    for at, one in enumerate(known):
        beside = [known[near] for near in (at - 1, at + 1) if 0 <= near < len(known)]
        shared = max((_shared(one, other) for other in beside), default=0)
        found[one] = one[: max(ID_CHARACTERS, shared + 1)]
    return found


def _shared(one: str, other: str) -> int:
    """Return how many characters two texts begin with alike."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def near_time(text: str) -> str:
    """Return a time of the wire without the date of today, or without this year."""
    present = now().isoformat()
    if text[:10] == present[:10]:
        return f"{text[11:19]}Z"
    return f"{text[5:10]} {text[11:16]}Z" if text[:4] == present[:4] else text[:10]


def plain_lines(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return a table as a program reads it: each row one line, nothing cut."""
    lines = [[column.title for column in columns], *rows]
    widths = [max(columns_of(line[at]) for line in lines) for at in range(len(columns))]
    return [_line(line, widths) for line in lines]


def fitted_lines(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int, *, in_colour: bool
) -> list[str]:
    """Return a table whose lines take at most ``width`` columns, if that can be done."""
    columns, rows = _without_those_that_go(columns, rows, width)
    widths = _narrowed(columns, _natural_widths(columns, rows), width)
    title = _line([column.title for column in columns], widths)
    lines = [painted(title, "bold") if in_colour else title]
    for row in rows:
        cells = [
            [cut(cell, most)] if column.gives_way == "is cut" else _folded(cell, most)
            for column, cell, most in zip(columns, row, widths, strict=True)
        ]
        for at in range(max(map(len, cells))):
            texts = [cell[at] if at < len(cell) else "" for cell in cells]
            lines.append(_line(texts, widths, in_colour=in_colour))
    return lines


def _natural_widths(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
    return [
        max([columns_of(column.title), *(columns_of(row[at]) for row in rows)])
        for at, column in enumerate(columns)
    ]


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _without_those_that_go(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int
) -> tuple[Sequence[Column], Sequence[Sequence[str]]]:
    while _total(_least_widths(columns, rows)) > width:
        going = [at for at, column in enumerate(columns) if column.gives_way == "goes"]
        if not going:
            break
        columns = [column for at, column in enumerate(columns) if at != going[-1]]
        rows = [[cell for at, cell in enumerate(row) if at != going[-1]] for row in rows]
    return columns, rows


def _least_widths(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[int]:
    natural = _natural_widths(columns, rows)
    return [
        min(natural[at], 2 * LEAST) if column.gives_way in {"folds", "is cut"} else natural[at]
        for at, column in enumerate(columns)
    ]


def _narrowed(columns: Sequence[Column], widths: list[int], width: int) -> list[int]:
    """Take what is too much from the widest cells, first of sentences, then of names."""
    for kind in ("is cut", "folds"):
        while (excess := _total(widths) - width) > 0:
            able = [
                at
                for at, column in enumerate(columns)
                if column.gives_way == kind and widths[at] > LEAST
            ]
            if not able:
                break
            widest = max(able, key=lambda at: widths[at])
            widths[widest] -= min(excess, max(1, widths[widest] // 8), widths[widest] - LEAST)
    return widths


def _folded(cell: str, most: int) -> list[str]:
    lines: list[str] = []
    while columns_of(cell) > most:
        count = 1
        while columns_of(cell[: count + 1]) <= most:
            count += 1
        lines.append(cell[:count])
        cell = cell[count:]
    return [*lines, cell]


def _line(cells: Sequence[str], widths: Sequence[int], *, in_colour: bool = False) -> str:
    last = len(cells) - 1
    texts = []
    for at, (cell, width) in enumerate(zip(cells, widths, strict=True)):
        colour = colour_of(cell) if in_colour else None
        padding = " " * (width - columns_of(cell)) if at < last else ""
        texts.append((painted(cell, colour) if colour else cell) + padding)
    return (" " * GAP).join(texts).rstrip()
