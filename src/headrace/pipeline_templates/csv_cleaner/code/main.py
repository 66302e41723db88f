"""Cleans a CSV file row by row, and counts what is in it."""

from __future__ import annotations

import csv
import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SAMPLE_CHARACTERS = 64_000
MAX_DISTINCT = 10_000
"""Distinct cells of a column that are counted; of more, only that there are more."""

# The standard library refuses longer cells.
csv.field_size_limit(10_000_000)


def clean(
    table: dict[str, str],
    delimiter: str | None = None,
    missing: Sequence[Any] | None = ("", "NA", "N/A", "NaN", "null", "None", "-"),
    keep_duplicates: bool | None = False,
) -> dict[str, Any]:
    """Write the cleaned file and return it with a summary."""
    source, target = Path(table["path"]), Path("cleaned.csv")
    empty = {str(cell).strip().lower() for cell in missing or ()} | {""}
    rows = _rows(source, delimiter)
    try:
        headers = _headers(next(rows))
    except StopIteration:
        raise ValueError("The table is empty: its first row has to name the columns.") from None
    columns = [Column(name) for name in headers]
    seen: set[bytes] = set()
    counts = {"rows": 0, "kept": 0, "empty": 0, "duplicates": 0, "uneven": 0}
    with target.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(headers)
        for row in rows:
            counts["rows"] += 1
            counts["uneven"] += len(row) != len(headers)
            cells = [_cell(text, empty) for text in _even(row, len(headers))]
            if not any(cells):
                counts["empty"] += 1
                continue
            digest = hashlib.sha256(repr(cells).encode()).digest()
            if not keep_duplicates and digest in seen:
                counts["duplicates"] += 1
                continue
            seen.add(digest)
            counts["kept"] += 1
            for column, cell in zip(columns, cells):
                column.take(cell)
            writer.writerow(cells)
    print(f"Kept {counts['kept']} of {counts['rows']} rows.")
    return {
        "cleaned": {"path": str(target)},
        "summary": {**counts, "columns": [column.summary() for column in columns]},
    }


@dataclass
class Column:
    """What is known of a column while its cells come."""

    name: str
    missing: int = 0
    texts: int = 0
    numbers: int = 0
    total: float = 0.0
    least: float = math.inf
    greatest: float = -math.inf
    distinct: set[str] = field(default_factory=set)

    def take(self, cell: str) -> None:
        """Count a cell."""
        if not cell:
            self.missing += 1
            return
        if len(self.distinct) <= MAX_DISTINCT:
            self.distinct.add(cell)
        number = _number(cell)
        if number is None:
            self.texts += 1
            return
        self.numbers += 1
        self.total += number
        self.least, self.greatest = min(self.least, number), max(self.greatest, number)

    def summary(self) -> dict[str, Any]:
        """Return what is known of it; ``distinct`` is None if that is too many to count."""
        is_number = self.numbers > 0 and self.texts == 0
        found: dict[str, Any] = {
            "name": self.name,
            "kind": "number" if is_number else "text" if self.texts else "empty",
            "missing": self.missing,
            "distinct": len(self.distinct) if len(self.distinct) <= MAX_DISTINCT else None,
        }
        if is_number:
            found["least"], found["greatest"] = self.least, self.greatest
            found["mean"] = self.total / self.numbers
        return found


def _rows(source: Path, delimiter: str | None) -> Iterator[list[str]]:
    encoding = _encoding(source)
    with source.open(newline="", encoding=encoding) as file:
        if delimiter is None:
            delimiter = _delimiter(file.read(SAMPLE_CHARACTERS))
            file.seek(0)
        if len(delimiter) != 1:
            raise ValueError(f"delimiter must be one character, not {delimiter!r}.")
        # NUL is no text, and breaks the reader of older Pythons.
        yield from csv.reader((line.replace("\0", "") for line in file), delimiter=delimiter)


def _encoding(source: Path) -> str:
    try:
        with source.open(encoding="utf-8") as file:
            while file.read(1 << 20):
                pass
    except UnicodeDecodeError:
        print("The file is not UTF-8: it is read as Latin-1.")
        return "latin-1"
    return "utf-8-sig"


def _delimiter(sample: str) -> str:
    """Return the character that the first line has most of, of those that are usual."""
    first = next((line for line in sample.splitlines() if line.strip()), "")
    return max(",;\t|", key=first.count)


def _headers(row: Sequence[str]) -> list[str]:
    """Return a name for each column: lower case, no spaces, none twice."""
    names: list[str] = []
    for position, text in enumerate(row, 1):
        name = re.sub(r"\W+", "_", text.strip().lower()).strip("_") or f"column_{position}"
        number, given = 1, name
        while name in names:
            number += 1
            name = f"{given}_{number}"
        names.append(name)
    return names


def _even(row: Sequence[str], width: int) -> list[str]:
    return [*row[:width], *[""] * (width - len(row))]


def _cell(text: str, empty: set[str]) -> str:
    cell = " ".join(text.split())
    return "" if cell.lower() in empty else cell


def _number(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
