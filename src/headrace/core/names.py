"""The one rule for names, and how ids are made."""

from __future__ import annotations

import keyword
import os
import re
from datetime import UTC, datetime, timedelta

from headrace.core.clock import now_ns
from headrace.core.errors import InvalidName

MAX_NAME_LENGTH = 128

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_name(value: object, noun: str) -> str:
    """Return ``value`` if it may name a ``noun``.

    Names become path segments of URLs without being escaped (wire contract, 1.1), hence the rule:
    ASCII letters, digits, ``_``, ``.`` and ``-``, first a letter or digit, at most
    :data:`MAX_NAME_LENGTH` characters.

    Raises:
        InvalidName: The value breaks the rule; the message repeats the rule.
    """
    if not isinstance(value, str) or not value:
        raise InvalidName(f"{noun} must be a non-empty string.")
    if len(value) > MAX_NAME_LENGTH:
        raise InvalidName(
            f"{noun} is {len(value)} characters long; at most {MAX_NAME_LENGTH} are allowed."
        )
    if not _NAME.fullmatch(value):
        raise InvalidName(
            f"{noun} {value!r} is not a valid name: use letters, digits, '_', '.' and '-', "
            "and start with a letter or a digit."
        )
    return value


def check_parameter_name(value: object, noun: str) -> str:
    """Return ``value`` if it can be the name of a Python function's parameter.

    Raises:
        InvalidName: It is not a Python identifier, or is a keyword.
    """
    # An underscore may come first here, so the rule for names sees what follows a letter.
    name = str(value)
    check_name(f"x{name[1:]}" if name.startswith("_") else value, noun)
    if not name.isidentifier() or keyword.iskeyword(name) or not name.isascii():
        raise InvalidName(
            f"{noun} {name!r} cannot be a parameter of a Python function: "
            "use letters, digits and '_', and do not start with a digit."
        )
    return name


def check_variable_name(value: object, noun: str) -> str:
    """Return ``value`` if it can be the name of an environment variable.

    Raises:
        InvalidName: No process would take it, or it is longer than :data:`MAX_NAME_LENGTH`.
    """
    if not isinstance(value, str) or len(value) > MAX_NAME_LENGTH or not _VARIABLE.fullmatch(value):
        shown = repr(value) if len(str(value)) <= MAX_NAME_LENGTH else "this long"
        raise InvalidName(
            f"{noun}: {shown} cannot be the name of an environment variable: use letters, digits "
            f"and '_', at most {MAX_NAME_LENGTH}, and do not start with a digit."
        )
    return value


def new_id() -> str:
    """Return a fresh id: a UUID version 7 (RFC 9562), so that ids sort by time of creation.

    The 12 bits after the milliseconds hold their fraction (method 3 of the RFC), so that ids made
    one after the other in one process keep their order.
    """
    milliseconds, nanoseconds = divmod(now_ns(), 1_000_000)
    fraction = (nanoseconds << 12) // 1_000_000
    chance = int.from_bytes(os.urandom(8), "big")
    return "%08x-%04x-7%03x-%04x-%012x" % (  # noqa: UP031 - half the time of an f-string
        milliseconds >> 16 & 0xFFFF_FFFF,
        milliseconds & 0xFFFF,
        fraction,
        0x8000 | chance >> 50,
        chance & 0xFFFF_FFFF_FFFF,
    )


def least_id(at: datetime) -> str:
    """Return a text that sorts before the ids made at a time or later, and after earlier ones."""
    milliseconds = max(0, (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1))
    return _hyphenated(milliseconds << 80)


def _hyphenated(value: int) -> str:
    text = f"{value:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
