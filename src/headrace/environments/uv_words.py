"""What uv says when it fails, in as few words as people read."""

from __future__ import annotations

import re
from collections.abc import Sequence

_ERROR = re.compile(r"error: |  \u00d7 ")
_CAUSE = re.compile(r"\s*(cause:|╰─▶)\s*")
_CONTINUED = re.compile(r"\s*(cause:|╰─▶|│|hint:)|\s{6,}(?![\s\[])")
_LONGEST_REASON = 600


def shortened(reason: str) -> str:
    """Return a reason that is not longer than people read, its beginning and its end."""
    if len(reason) <= _LONGEST_REASON:
        return reason
    half = _LONGEST_REASON // 2
    begin, end = reason[:half].rsplit(" ", 1)[0], reason[-half:].split(" ", 1)[-1]
    return f"{begin} ... {end}"


def reason_in(words: Sequence[str]) -> str:
    """Return, on one line, the part of uv's output that says why it failed.

    That is its error with the causes, up to what a build script printed; of that, the last line,
    where the exception of a traceback stands.
    """
    start = next((i for i, line in enumerate(words) if _ERROR.match(line)), None)
    if start is None:
        return words[-1].strip() if words else "uv ended without a word."
    reason = _ERROR.sub("", words[start])
    for line in words[start + 1 :]:
        if not _CONTINUED.match(line):
            break
        reason += _CAUSE.sub(": ", line, count=1) if _CAUSE.match(line) else f" {line.strip(' │')}"
    reason = reason.replace("`-`", "the text").rstrip(" ^")
    facts = [line for line in words[start:] if not line.startswith("hint:")]
    last = _CAUSE.sub("", _ERROR.sub("", facts[-1])).strip(" ^│")
    return reason if last in reason else f"{reason}: {last}"
