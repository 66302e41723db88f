"""Errors as notebooks show them: the lines of the user, and none of the libraries on the way."""

from __future__ import annotations

from types import FrameType

OURS = ("headrace.", "IPython.", "ipykernel.", "asyncio.", "contextlib")
"""Beginnings of the names of modules whose lines tell the user nothing."""


def rendered(error: BaseException, last_line: str) -> list[str]:
    """Return the lines by which IPython shows an error: where, what, and the notes of it."""
    # Only notebooks need it, and the command starts often.
    import traceback  # noqa: PLC0415 - see above

    frames = [
        (frame, number)
        for frame, number in traceback.walk_tb(error.__traceback__)
        if not _is_ours(frame)
    ]
    lines = traceback.StackSummary.extract(iter(frames)).format()
    if lines:
        lines.insert(0, "Traceback (most recent call last):")
    notes = [str(note) for note in getattr(error, "__notes__", ())]
    return [line.rstrip("\n") for line in [*lines, last_line, *notes]]


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__", "")).startswith(OURS)
