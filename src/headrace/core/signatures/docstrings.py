"""Docstrings in the styles of Google, NumPy and Sphinx: what they say of parameters and results."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import dedent

_PARAMETERS = {"args", "arguments", "parameters", "params", "attributes", "other parameters"}
_RETURNS = {"returns", "return", "yields"}
_OTHERS = {
    "raises", "note", "notes", "example", "examples", "see also", "warning", "warnings", "todo",
    "references", "keyword args", "keyword arguments", "warns", "receives", "methods",
}  # fmt: skip
_SECTIONS = _PARAMETERS | _RETURNS | _OTHERS
_GOOGLE = re.compile(r"(\*{0,2}\w+)\s*(?:\([^()]*(?:\([^()]*\)[^()]*)*\))?\s*:(?:\s+|$)(.*)")
_NUMPY = re.compile(r"([\w, *]+?)(?:\[.*\])?(?:\s*:.*)?")
_SPHINX = re.compile(r":(\w+)(?:\s+([^:]*))?:\s*(.*)")


@dataclass(frozen=True, slots=True)
class Docs:
    """What a docstring says.

    Attributes:
        summary: Its first paragraph on one line, or None.
        parameters: Descriptions of parameters or attributes, by name.
        returns: Description of what is returned, or None.
        returned: Descriptions of the keys of what is returned, by name.
    """

    summary: str | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    returns: str | None = None
    returned: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Section:
    title: str
    is_underlined: bool
    body: list[str] = field(default_factory=list)


def read_docstring(text: str | None) -> Docs:
    """Return what a docstring says; none of its parts need be there."""
    if not text:
        return Docs()
    lines = inspect.cleandoc(text).splitlines()
    parameters: dict[str, str] = {}
    returned: dict[str, str] = {}
    returns: list[str] = []
    first, *sections = _sections(lines)
    for section in sections:
        entries = _numpy_entries(section) if section.is_underlined else _google_entries(section)
        if section.title in _PARAMETERS:
            parameters.update(entries)
        elif section.title in _RETURNS:
            returned.update(entries)
            returns.append(_described(section, entries) or "")
    for name, argument, said in _fields(lines):
        if name in {"param", "parameter", "arg", "argument", "var", "ivar"} and argument:
            parameters[argument.split()[-1].lstrip("*")] = said
        elif name in {"return", "returns"}:
            returns.append(said)
    summary = _joined(_paragraph(first.body))
    return Docs(summary, parameters, next(filter(None, returns), None), returned)


def _sections(lines: Sequence[str]) -> list[_Section]:
    """Return the sections; the first has no title."""
    found = [_Section("", is_underlined=False)]
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        word = line.strip().removesuffix(":").lower()
        is_title = not line.startswith((" ", "\t")) and word in _SECTIONS
        if is_title and (line.rstrip().endswith(":") or _is_rule(following)):
            found.append(_Section(word, is_underlined=_is_rule(following)))
        elif not _is_rule(line):
            found[-1].body.append(line)
    return found


def _is_rule(line: str) -> bool:
    return len(line.strip()) >= 3 and not line.strip().strip("-")


def _google_entries(section: _Section) -> dict[str, str]:
    found = {}
    for head, more in _blocks(section.body):
        entry = _GOOGLE.fullmatch(head)
        text = entry and _joined([entry[2], *more])
        if entry and text:
            found[entry[1].lstrip("*")] = text
    return found


def _numpy_entries(section: _Section) -> dict[str, str]:
    found = {}
    for head, more in _blocks(section.body):
        entry, text = _NUMPY.fullmatch(head), _joined(more)
        if entry and text:
            found.update({name.strip().lstrip("*"): text for name in entry[1].split(",")})
    return found


def _described(section: _Section, entries: Mapping[str, str]) -> str | None:
    """Return what a section says of the one result: its text without the type."""
    if len(entries) == 1:
        return next(iter(entries.values()))
    return None if entries else _joined(section.body)


def _blocks(body: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Yield the lines that are not indented, each with the indented ones below it."""
    head: str | None = None
    more: list[str] = []
    for line in dedent("\n".join(body)).splitlines():
        if line and not line.startswith((" ", "\t")):
            if head is not None:
                yield head, more
            head, more = line.strip(), []
        elif head is not None:
            more.append(line)
    if head is not None:
        yield head, more


def _fields(lines: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield the fields of Sphinx's style: name, argument, text."""
    for number, line in enumerate(lines):
        found = _SPHINX.match(line)
        if found:
            more = [found[3]]
            for following in lines[number + 1 :]:
                if not following.startswith((" ", "\t")):
                    break
                more.append(following)
            yield found[1], found[2] or "", _joined(more) or ""


def _paragraph(lines: Sequence[str]) -> list[str]:
    found = []
    for line in lines:
        if not line.strip() or _SPHINX.match(line):
            break
        found.append(line)
    return found


def _joined(lines: Sequence[str]) -> str | None:
    """Return the first paragraph of the lines on one line."""
    words = " ".join(line.strip() for line in "\n".join(lines).strip().split("\n\n")[0].split("\n"))
    return " ".join(words.split()) or None
