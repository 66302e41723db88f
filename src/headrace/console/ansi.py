"""Colours that programs write for terminals, as classes of a style sheet."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

# All sequences of control, of which those that end in m say how what follows looks; and titles of
# terminals. What is cut off at the end of a line counts as one.
_SEQUENCE = re.compile(
    r"\x1b\[(?P<codes>[0-9;:]*)m"
    r"|\x1b\[[0-?]*[ -/]*[@-~]?"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"
    r"|\x1b[@-Z\\^_]?"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_MANNERS = {1: "bold", 2: "dim", 3: "italic", 4: "underline"}
_ENDS = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",)}
_MAX_CODES = 32


def coloured(text: str) -> Markup:
    """Return a line of a log as it looks in a terminal: escaped, in elements with classes.

    Colours are the 16 of terminals. Those of a table of 256, those of red, green and blue, and all
    other controls are left out.
    """
    if "\x1b" not in text:
        return escape(_CONTROLS.sub("", text))
    shown: list[Markup] = []
    classes: dict[str, str] = {}
    at = 0
    for found in _SEQUENCE.finditer(text):
        shown.append(_piece(text[at : found.start()], classes))
        at = found.end()
        codes = found["codes"]
        if codes is not None:
            _apply(codes, classes)
    shown.append(_piece(text[at:], classes))
    return Markup("").join(shown)


def _piece(text: str, classes: dict[str, str]) -> Markup:
    text = _CONTROLS.sub("", text)
    if not text or not classes:
        return escape(text)
    return Markup('<span class="{}">{}</span>').format(" ".join(classes.values()), text)


def _apply(text: str, classes: dict[str, str]) -> None:
    """Change the classes by codes; an empty text is the code 0."""
    codes = [int(code) if code.isdigit() else 0 for code in text.split(";")[:_MAX_CODES]]
    while codes:
        code = codes.pop(0)
        if code == 0:
            classes.clear()
        elif code in _MANNERS:
            classes[_MANNERS[code]] = f"ansi-{_MANNERS[code]}"
        elif code in _ENDS:
            for manner in _ENDS[code]:
                classes.pop(manner, None)
        elif code in {38, 48}:
            # Its own codes come after it: 5 and one of a table, or 2 and three parts.
            del codes[: 2 if codes[:1] == [5] else 4]
        else:
            _colour(code, classes)


def _colour(code: int, classes: dict[str, str]) -> None:
    bright, code = (8, code - 60) if 90 <= code <= 107 else (0, code)
    for kind, begin in (("fg", 30), ("bg", 40)):
        if begin <= code < begin + 8:
            classes[kind] = f"ansi-{kind}-{code - begin + bright}"
        elif code == begin + 9:
            classes.pop(kind, None)
