"""What the command prints: documents and tables on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from headrace.core.errors import HeadraceError

Cell = str | int | float | None


class Screen:
    """Where a command prints.

    Attributes:
        as_json: One JSON document goes to stdout, and nothing else.
    """

    def __init__(self) -> None:
        self.as_json = False

    def document(self, value: Any) -> None:
        """Print a value as the one JSON document."""
        _write(json.dumps(value, indent=2, ensure_ascii=False))

    def table(
        self, columns: Sequence[str], rows: Sequence[Sequence[Cell]], document: Any, empty: str
    ) -> None:
        """Print rows under columns, or ``document`` as JSON; ``empty`` says that there are none."""
        if self.as_json:
            self.document(document)
        elif not rows:
            self.note(empty)
        elif sys.stdout.isatty():
            _rich_table(columns, [[_cell(cell) for cell in row] for row in rows])
        else:
            _plain_table(columns, [[_cell(cell) for cell in row] for row in rows])

    def fields(self, pairs: Sequence[tuple[str, Cell]], document: Any) -> None:
        """Print names with their values, or ``document`` as JSON."""
        if self.as_json:
            self.document(document)
            return
        width = max(len(name) for name, _ in pairs)
        for name, value in pairs:
            _write(f"{name:<{width}}  {_cell(value)}".rstrip())

    def say(self, sentence: str, document: Any) -> None:
        """Print what was done, or ``document`` as JSON."""
        if self.as_json:
            self.document(document)
        else:
            _write(sentence)

    def log(self, lines: Iterator[dict[str, Any]], *, timestamps: bool) -> None:
        """Print log lines as they come, or all of them as one JSON array."""
        if self.as_json:
            self.document(list(lines))
            return
        for line in lines:
            _write(f"{line['timestamp']} {line['message']}" if timestamps else line["message"])

    def note(self, text: str) -> None:
        """Print a remark for the person at the terminal, on stderr."""
        print(text, file=sys.stderr, flush=True)

    def error(self, error: HeadraceError) -> None:
        """Print an error: a sentence on stderr, and with JSON the document that tells of it."""
        self.note(f"Error: {error.message}")
        for remark in getattr(error, "__notes__", ()):
            self.note(remark)
        if self.as_json:
            body = {
                "name": error.code,
                "message": error.message,
                "additional_data": error.details or None,
            }
            self.document({"error": body})

    @contextmanager
    def activity(self, text: str) -> Iterator[None]:
        """Show on a terminal that something goes on; elsewhere show nothing."""
        if not sys.stderr.isatty():
            yield
            return
        # Rich takes longer to import than a command that does not need it should.
        from rich.console import Console  # noqa: PLC0415 - see above

        console = Console(stderr=True)
        # Lines that are printed meanwhile go above the spinner.
        with console.status(text, spinner="dots"):
            yield


def short_time(text: str | None) -> str | None:
    """Return a time of the wire to the second, for a table."""
    return text and text[:19].replace("T", " ") + "Z"


def _cell(value: Cell) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value)


def _plain_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    lines = [columns, *rows]
    widths = [max(len(line[position]) for line in lines) for position in range(len(columns))]
    for line in lines:
        cells = (f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
        _write("  ".join(cells).rstrip())


def _rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # As texts, because square brackets in a value are no markup.
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def _write(text: str) -> None:
    print(text, flush=True)
