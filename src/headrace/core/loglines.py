"""The text form of logs: one line of a file for each line that user code wrote.

A file holds lines ``<microseconds since 1970 UTC> <stream> <message>``, times ascending, where the
stream is ``o`` (stdout), ``e`` (stderr) or ``h`` (said by Headrace itself). The harness writes the
same form without importing this module, because it runs under another interpreter.
"""

from __future__ import annotations

from dataclasses import dataclass

STREAMS = {"o": "stdout", "e": "stderr", "h": "headrace"}


NOTE = "headrace: "
"""What the harness begins a line on stderr with that says what of a result is not kept."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line.

    Attributes:
        at_us: Microseconds since 1970, UTC.
        stream: ``stdout``, ``stderr`` or ``headrace``.
        message: The text, without its line end.
    """

    at_us: int
    stream: str
    message: str


def format_line(at_us: int, stream: str, message: str) -> bytes:
    """Return the file form of one line; ``stream`` is the short letter."""
    return f"{at_us} {stream} {message}\n".encode("utf-8", "replace")


def parse_line(raw: bytes) -> LogLine | None:
    """Return the line that ``raw`` holds, or None if it holds none (a torn write)."""
    stamp, _, rest = raw.partition(b" ")
    letter, _, message = rest.partition(b" ")
    stream = STREAMS.get(letter.decode("ascii", "replace"))
    if stream is None or not stamp.isdigit():
        return None
    return LogLine(int(stamp), stream, message.rstrip(b"\n").decode("utf-8", "replace"))
