"""Environment variables from a ``.env`` file, and from ``NAME=value`` texts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from headrace.core.errors import InvalidRequest

USUAL_NAME = ".env"

_LINE = re.compile(
    r"""[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_]\w*)[ \t]*=[ \t]*
    (?: '(?P<single>[^']*)' | "(?P<double>(?:\\.|[^"\\])*)"
    | (?P<bare>(?!(?<=\s)\#)[^\n'"][^\n]*?)? )
    [ \t]*(?:(?<=[\s'"])\#[^\n]*)?(?:\n|\Z)""",
    re.VERBOSE | re.DOTALL,
)
_NOTHING = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)")
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}


def read_variables(path: Path) -> dict[str, str]:
    """Return the variables of a ``.env`` file.

    Raises:
        InvalidRequest: It cannot be read, or a line of it is not of the form ``NAME=value``.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidRequest(f"{str(path)!r} cannot be read: {reason}.") from None
    return variables_of(text, str(path))


def variables_of(text: str, where: str) -> dict[str, str]:
    r"""Return the variables of a text of ``NAME=value`` lines, of which the last one counts.

    A line may begin with ``export``. A value in single quotes is taken as it is; in double quotes
    ``\n``, ``\t`` and ``\r`` stand for characters. Both may go on over several lines. A value
    without quotes ends with its line, or before a space and ``#``. Nothing is expanded.

    Raises:
        InvalidRequest: Another line; ``where`` and its number are named.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    found: dict[str, str] = {}
    place = 0
    while place < len(text):
        line = _LINE.match(text, place)
        if line is not None:
            found[line["name"]] = _value(line)
        else:
            line = _NOTHING.match(text, place)
        if line is None:
            number = text.count("\n", 0, place) + 1
            raise InvalidRequest(
                f"{where}, line {number} sets no variable: write NAME=value, with the value in "
                "quotes if it holds quotes or begins with a space."
            )
        place = line.end()
    return found


def variables_from_texts(texts: Iterable[str]) -> dict[str, str]:
    """Return the variables that ``NAME=value`` texts set.

    Raises:
        InvalidRequest: A text is not of that form.
    """
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise InvalidRequest(f"{text!r} sets no variable: write NAME=VALUE.")
        found[name] = value
    return found


def _value(line: re.Match[str]) -> str:
    if line["single"] is not None:
        return line["single"]
    if line["double"] is not None:
        return re.sub(
            r"\\(.)", lambda one: _ESCAPED.get(one[1], one[1]), line["double"], flags=re.DOTALL
        )
    return line["bare"] or ""
