"""The text of a requirements file, read as pip reads it: its encoding, its lines, its variables."""

from __future__ import annotations

import codecs
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from headrace.core.environments import PLACEHOLDER
from headrace.core.errors import InvalidEnvironment

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_DECLARED = re.compile(rb"coding[:=]\s*([-\w.]+)")
_COMMENT = re.compile(r"(^|\s+)#.*$")
_OPTION = re.compile(
    r"(?P<name>-[cefir]|--[a-z][a-z-]*)(?:\s*=\s*|\s+|(?<=^-.)(?=\S)|$)(?P<value>.*)"
)
_LONG_NAMES = {
    "-r": "--requirement", "-c": "--constraint", "-e": "--editable", "-f": "--find-links",
    "-i": "--index-url", "--constraints": "--constraint", "--pypi-url": "--index-url",
}  # fmt: skip
_USER = re.compile(r"://[^\s/?#]*\$\{[^\s/?#]*@")
_NOT_IN_A_USER = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9._~!$&'()*+,;=:%-]")


@dataclass(frozen=True, slots=True)
class Option:
    """A line that begins with an option.

    Attributes:
        name: Its long name, such as ``--requirement``.
        value: What follows it, without quotes; empty if nothing does.
    """

    name: str
    value: str


def decoded(content: bytes) -> str:
    """Return the text of a file: by its mark, else by a declaration as in Python, else UTF-8.

    Raises:
        UnicodeDecodeError: It is not text in that encoding.
        LookupError: It declares an encoding that does not exist.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(encoding)
    for line in content.split(b"\n")[:2]:
        declared = _DECLARED.search(line) if line.startswith(b"#") else None
        if declared:
            return content.decode(declared[1].decode("ascii"))
    return content.decode("utf-8")


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that say something, each with the number at which it begins.

    A line that ends with a backslash goes on in the next one, unless it is a comment; comments and
    white space around lines are left out.
    """
    number, parts = 0, list[str]()
    for count, line in enumerate(text.splitlines(), 1):
        number = number if parts else count
        goes_on = line.endswith("\\") and not _COMMENT.match(line)
        # So that a comment in the middle of a line that goes on is one afterwards, too.
        parts.append(line[:-1] if goes_on else f" {line}" if _COMMENT.match(line) else line)
        if not goes_on:
            yield from _said(number, parts)
            parts = []
    yield from _said(number, parts)


def _said(number: int, parts: list[str]) -> Iterator[tuple[int, str]]:
    line = _COMMENT.sub("", "".join(parts)).strip()
    if line:
        yield number, line


def option_in(line: str) -> Option | None:
    """Return the option that a line begins with, or None if it names a package."""
    found = _OPTION.fullmatch(line)
    if found is None:
        return None
    return Option(_LONG_NAMES.get(found["name"], found["name"]), found["value"].strip())


def first_word(value: str) -> str:
    """Return the first word of an option's value, quotes and backslashes read as a shell does."""
    try:
        return next(iter(shlex.split(value)), "")
    except ValueError:  # a quotation mark without its other half
        return value


def filled(line: str, variables: Mapping[str, str]) -> str:
    """Replace each ``${VARIABLE}`` of a line; all of them are set.

    In the user and password of a URL, characters that would end it are percent-encoded, so that a
    password may hold an ``@`` or a ``/``. What is percent-encoded already stays.

    Raises:
        InvalidEnvironment: A value holds ``${…}`` itself, which the installer would replace.
    """

    def plain(match: re.Match[str]) -> str:
        value = variables[match[1]]
        if PLACEHOLDER.search(value):
            raise InvalidEnvironment(
                f"The value of ${{{match[1]}}}, which the requirements use, holds a ${{VARIABLE}} "
                "itself. Such are not replaced: set the variable to what is meant."
            )
        return value

    def encoded(match: re.Match[str]) -> str:
        return _NOT_IN_A_USER.sub(lambda char: quote(char[0], safe=""), plain(match).strip())

    with_users = _USER.sub(lambda user: PLACEHOLDER.sub(encoded, user[0]), line)
    return PLACEHOLDER.sub(plain, with_users)
