"""Single JSON values as what a type hint asks for, and what is said of those that do not fit."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any, Optional

from headrace_harness import shadows
from headrace_harness.stdlib import datetime as dt
from headrace_harness.stdlib import io, json, os, uuid

Convert = Callable[[Any], Any]

_SHOWN = 60


class Unfit(Exception):
    """A value that does not fit a hint.

    Args:
        what: What is wrong, after the name of the value.
        path: Where it is inside of the argument.
    """

    def __init__(self, what: str, path: str = "") -> None:
        super().__init__(what, path)
        self.what = what
        self.path = path

    def __str__(self) -> str:
        return f": {self.path.lstrip('.')} {self.what}" if self.path else f" {self.what}"

    def inside(self, step: str) -> Unfit:
        """Return it as seen from what the value is in."""
        return Unfit(self.what, step + self.path)


def at(step: str, convert: Optional[Convert], value: Any) -> Any:
    """Convert what is at a step inside of a value; None is None for all types."""
    if value is None or convert is None:
        return value
    try:
        return convert(value)
    except Unfit as unfit:
        raise unfit.inside(step) from None


def items_of(values: list[Any], each: Optional[Convert]) -> list[Any]:
    """Convert each of the values, of which there may be many."""
    if each is None or set(map(type, values)) <= _AS_THEY_ARE.get(each, frozenset()):
        return values
    try:
        return [None if value is None else each(value) for value in values]
    except Unfit:  # so that only what does not fit pays for being found
        return [at(f"[{index}]", each, value) for index, value in enumerate(values)]


def of_kind(kind: type, value: Any) -> Any:
    """Return a value if it is of one of the kinds that JSON has."""
    if isinstance(value, kind):
        return value
    raise Unfit(f"must be {_NAMES[kind]}, but is {_said(value)}")


def _whole(value: Any) -> int:
    if type(value) is float and value.is_integer():
        return int(value)
    if type(value) is int:
        return value
    raise Unfit(f"must be a whole number, but is {_said(value)}")


def _number(value: Any) -> float:
    try:
        if not isinstance(value, bool) and isinstance(value, (int, float)):
            return float(value)
    except OverflowError:
        pass
    raise Unfit(f"must be a number, but is {_said(value)}")


def _text(value: Any) -> str:
    return of_kind(str, value)  # type: ignore[no-any-return]  # it is one


def _boolean(value: Any) -> bool:
    return of_kind(bool, value)  # type: ignore[no-any-return]  # it is one


def _from_text(read: Callable[[str], Any], what: str) -> Convert:
    def convert(value: Any) -> Any:
        try:
            return read(_text(value))
        except ValueError:
            raise Unfit(f"must be {what}, but is {_said(value)}") from None

    return convert


def _zoned(text: str) -> str:
    """Return a time as Python before 3.11 reads it too."""
    return f"{text[:-1]}+00:00" if text.endswith(("Z", "z")) else text


SCALARS: dict[Any, Convert] = {
    int: _whole,
    float: _number,
    str: _text,
    bool: _boolean,
    dt.datetime: _from_text(
        lambda text: dt.datetime.fromisoformat(_zoned(text)),
        "a time such as '2026-01-31T12:00:00Z'",
    ),
    dt.date: _from_text(dt.date.fromisoformat, "a date such as '2026-01-31'"),
    dt.time: _from_text(lambda text: dt.time.fromisoformat(_zoned(text)), "a time such as '12:00'"),
    uuid.UUID: _from_text(uuid.UUID, "a UUID"),
}

_AS_THEY_ARE: dict[Convert, frozenset[type]] = {
    _whole: frozenset({int}),
    _number: frozenset({float}),
    _text: frozenset({str}),
    _boolean: frozenset({bool}),
}
"""The types whose values a conversion returns unchanged."""

_NAMES = {list: "an array", dict: "an object", str: "a string", bool: "a boolean"}


def literal(values: tuple[Any, ...]) -> Convert:
    """Return what lets these values pass alone; true is not 1."""
    shown = ", ".join(repr(value) for value in values if value is not None)

    def convert(value: Any) -> Any:
        for one in values:
            if value == one and isinstance(value, bool) == isinstance(one, bool):
                return one
        raise Unfit(f"must be one of {shown}, but is {_said(value)}")

    return convert


def enum_member(kind: Any) -> Convert:
    """Return what finds the members of an enumeration by their values."""
    members = tuple(member.value for member in kind)
    find = literal(members)
    return lambda value: kind(find(value))


def path_of(kind: Any) -> Convert:
    """Return what makes a path of a file that was given, of this class."""
    if kind is os.PathLike:
        with shadows.lifted():
            kind = importlib.import_module("pathlib").Path
    return lambda value: kind(_place(value))


def binary_file(value: Any) -> Any:
    """Open a file that was given, for its bytes."""
    return io.open(_place(value), "rb")


def text_file(value: Any) -> Any:
    """Open a file that was given, for its text."""
    return io.open(_place(value), encoding="utf-8")


class GivenFile(str):
    """The path of a file that the platform gave; no JSON value is one, whatever it holds."""

    __slots__ = ()


def _place(value: Any) -> str:
    """Return the path of a file that was given."""
    if isinstance(value, GivenFile):
        return str(value)
    raise Unfit(f"must be a file, but is {_said(value)}")


def _said(value: Any) -> str:
    """Say what a JSON value is, in the words of JSON."""
    kinds = {bool: "a boolean", str: "a string", list: "an array", dict: "an object"}
    text = json.dumps(value, ensure_ascii=False, default=str)
    shown = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
    return f"{kinds.get(type(value), 'a number')}: {shown}"
