"""What depends on the terminal: colours, widths, and characters that would change it."""

from __future__ import annotations

import os
from typing import TextIO

CUT_CHARACTERS = 2000
"""How much of one value is shown on a terminal."""

_CODES = {"green": "32", "red": "31", "yellow": "33", "cyan": "36", "bold": "1", "dim": "2"}
_COLOURS = {
    "Succeeded": "green",
    "Failed": "red",
    "Error": "red",
    "Pending": "yellow",
    "Running": "cyan",
    "ready": "green",
    "creation_failed": "red",
    "creation_pending": "yellow",
    "up": "green",
    "standby": "yellow",
    "disabled": "dim",
    "ran": "green",
    "caught_up": "green",
    "failed": "red",
    "missed": "yellow",
    "overlapped": "yellow",
    "paused": "yellow",
    "NO": "red",
}


def is_terminal(stream: TextIO) -> bool:
    """Check whether a person reads what is written to a stream."""
    try:
        return stream.isatty()
    except ValueError:
        return False


def has_colours(stream: TextIO) -> bool:
    """Check whether a stream shows colours, and the user has not said no (https://no-color.org)."""
    return (
        is_terminal(stream)
        and not os.environ.get("NO_COLOR")
        and os.environ.get("TERM") not in {"dumb", ""}
    )


def width() -> int:
    """Return how many columns the terminal has."""
    import shutil  # noqa: PLC0415 - only tables on a terminal need it

    return shutil.get_terminal_size().columns


def painted(text: str, colour: str) -> str:
    """Return a text in a colour."""
    return f"\x1b[{_CODES[colour]}m{text}\x1b[0m"


def colour_of(status: str) -> str | None:
    """Return the colour of a status or fate, or None if it has none."""
    return _COLOURS.get(status)


def printable(text: str, *, keeps_lines: bool) -> str:
    """Return a text without characters that would move the cursor or change the terminal."""
    if text.isprintable():
        return text
    kept = "\n\t" if keeps_lines else ""
    return "".join(
        one if one.isprintable() or one in kept else " " if one in "\n\t\r" else _escape(one)
        for one in text
    )


def columns_of(text: str) -> int:
    """Return how many columns a printable text takes."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width  # noqa: PLC0415 - few texts need it

    return sum(0 if combining(one) else 2 if east_asian_width(one) in "WF" else 1 for one in text)


def cut(text: str, most: int) -> str:
    """Return a text in at most so many columns, the last one saying that more was there."""
    if columns_of(text) <= most:
        return text
    kept, used = [], 0
    for one in text:
        used += columns_of(one)
        if used > most - 1:
            break
        kept.append(one)
    return "".join(kept) + "…"


def _escape(one: str) -> str:
    return one.encode("unicode_escape").decode()
