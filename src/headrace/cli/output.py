"""What the command prints: documents and tables on stdout, everything else on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from headrace.cli.terminal import (
    CUT_CHARACTERS,
    colour_of,
    has_colours,
    is_terminal,
    painted,
    printable,
    width,
)
from headrace.core.errors import HeadraceError, PipelineExecutionFailed

if TYPE_CHECKING:
    from headrace.cli.activity import Activity
    from headrace.cli.tables import Column

Cell = str | int | float | None


class Screen:
    """Where a command prints.

    Attributes:
        as_json: One JSON document goes to stdout, and nothing else.
        is_plain: No colours, whatever the terminal can show.
    """

    def __init__(self) -> None:
        self.as_json = False
        self.is_plain = False
        self._activity: Activity | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads stdout."""
        return is_terminal(sys.stdout)

    @property
    def is_coloured(self) -> bool:
        """Whether stdout is to have colours."""
        return not self.is_plain and has_colours(sys.stdout)

    def time(self, text: str | None) -> str | None:
        """Return a time of the wire for a table: to the second, and as short as it is clear."""
        if text is None or not self.is_terminal:
            return short_time(text)
        from headrace.cli.tables import near_time  # noqa: PLC0415 - only tables need it

        return near_time(text)

    def ids(self, found: Iterable[str]) -> dict[str, str]:
        """Return how each id is shown: for a person, by its shortest clear beginning."""
        if not self.is_terminal:
            return {one: one for one in found}
        from headrace.cli.tables import beginnings  # noqa: PLC0415 - only tables need it

        return beginnings(found)

    def document(self, value: Any) -> None:
        """Print a value as the one JSON document."""
        _write(json.dumps(value, indent=2, ensure_ascii=False))

    def table(
        self,
        columns: Sequence[str | Column],
        rows: Sequence[Sequence[Cell]],
        document: Any,
        empty: str,
    ) -> None:
        """Print rows under columns, or ``document`` as JSON; ``empty`` says that there are none."""
        if self.as_json:
            self.document(document)
            return
        if not rows:
            self.note(empty)
            return
        # Only tables need what lays them out.
        from headrace.cli.tables import Column, fitted_lines, plain_lines  # noqa: PLC0415 - see above

        described = [one if isinstance(one, Column) else Column(one) for one in columns]
        cells = [[printable(_cell(cell), keeps_lines=False) for cell in row] for row in rows]
        lines = (
            fitted_lines(described, cells, width(), in_colour=self.is_coloured)
            if self.is_terminal
            else plain_lines(described, cells)
        )
        _write("\n".join(lines))

    def fields(
        self, pairs: Sequence[tuple[str, Cell]], document: Any, *, whole: str | None = None
    ) -> None:
        """Print names with their values, or ``document`` as JSON.

        Args:
            pairs: Names and values.
            document: What is printed as JSON.
            whole: The command that prints a value whole which is cut here for a terminal.
        """
        if self.as_json:
            self.document(document)
            return
        widest = max(len(name) for name, _ in pairs)
        for name, value in pairs:
            _write(f"{name:<{widest}}  {self._shown(name, _cell(value), whole)}".rstrip())

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
        if self._activity is not None:
            self._activity.write(text)
        else:
            print(text, file=sys.stderr, flush=True)

    def error(self, error: HeadraceError) -> None:
        """Print an error: a sentence on stderr, and with JSON the document that tells of it."""
        from headrace.cli.words import in_words_of_the_command  # noqa: PLC0415 - only for errors

        message = in_words_of_the_command(error.message)
        start = "Error:"
        if not self.is_plain and has_colours(sys.stderr):
            start = painted(start, "red")
        self.note(f"{start} {message}")
        execution_id = error.details.get("execution_id")
        if isinstance(error, PipelineExecutionFailed) and execution_id:
            self.note(
                f"Execution {execution_id} failed. Its log: headrace executions logs {execution_id}"
            )
        else:
            for remark in getattr(error, "__notes__", ()):
                self.note(remark)
        if self.as_json:
            body = {
                "name": error.code,
                "message": message,
                "additional_data": error.details or None,
            }
            self.document({"error": body})

    @contextmanager
    def activity(self, text: str) -> Iterator[None]:
        """Show on a terminal that something goes on, and how long; elsewhere show nothing."""
        if not is_terminal(sys.stderr) or self._activity is not None:
            yield
            return
        from headrace.cli.activity import Activity  # noqa: PLC0415 - only a terminal needs it

        self._activity = Activity(text)
        try:
            yield
        finally:
            self._activity.stop()
            self._activity = None

    def progress(self, text: str) -> None:
        """Say what goes on by now, if anybody is shown that."""
        if self._activity is not None:
            self._activity.say(text)

    def _shown(self, name: str, text: str, whole: str | None) -> str:
        if not self.is_terminal:
            return text
        text = printable(text, keeps_lines=True)
        if whole is not None and len(text) > CUT_CHARACTERS:
            return (
                f"{text[:CUT_CHARACTERS]}…\n"
                f"({len(text):,} characters, cut here. The whole: {whole})"
            )
        colour = colour_of(text) if name == "status" and self.is_coloured else None
        return painted(text, colour) if colour else text


def short_time(text: str | None) -> str | None:
    """Return a time of the wire to the second, for a table."""
    return text and text[:19].replace("T", " ") + "Z"


def _cell(value: Cell) -> str:
    if value is None:
        return "-"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _write(text: str) -> None:
    print(text, flush=True)
