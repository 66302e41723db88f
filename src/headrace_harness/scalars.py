"""Single values of Python and its libraries: what they are, and what is inside them."""

from __future__ import annotations

from typing import Any

from headrace_harness.stdlib import datetime as dt
from headrace_harness.stdlib import enum, os, uuid

TEXTS = (str, os.PathLike, uuid.UUID, dt.date, dt.time)
"""Types that JSON has as text."""

_SHOWN_CHARACTERS = 60


class Misfit(Exception):
    """A value that its output cannot hold; the message completes ``output 'x' …``."""


def is_null(value: Any) -> bool:
    """Check whether a value is None, or what pandas has in its place."""
    return value is None or (
        type(value).__name__ in {"NAType", "NaTType"}
        and type(value).__module__.startswith("pandas")
    )


def describe(value: Any) -> str:
    """Describe a value, with the value itself if that is short: ``a str: 'abc'``."""
    name = type(value).__name__
    article = "an" if name[:1].lower() in set("aeiou") else "a"
    if isinstance(value, (str, bytes, int, float)):
        shown = repr(value[:_SHOWN_CHARACTERS] if isinstance(value, (str, bytes)) else value)
        if len(shown) <= _SHOWN_CHARACTERS:
            return f"{article} {name}: {shown}"
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"{article} {name} of shape {shape}"
    return f"{article} {name}"


def text_of(value: Any) -> str:
    """Return the text of a value of one of the :data:`TEXTS`."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, os.PathLike):
        path = os.fspath(value)
        return path if isinstance(path, str) else os.fsdecode(path)
    return str(value) if isinstance(value, uuid.UUID) else value.isoformat()


def scalar(value: Any) -> Any:
    """Return the Python object inside an enum member, numpy scalar or array without dimension."""
    if isinstance(value, enum.Enum):
        return value.value
    return coarse(value).item() if is_scalar(value) else value


def is_scalar(value: Any) -> bool:
    """Check whether a value is a numpy scalar, or an array or tensor without dimension."""
    return getattr(value, "shape", None) == () and callable(getattr(value, "item", None))


def coarse(value: Any) -> Any:
    """Return times of numpy in microseconds: finer ones would become bare integers."""
    is_time = getattr(getattr(value, "dtype", None), "kind", "") == "M"
    return value.astype("datetime64[us]") if is_time and not hasattr(value, "dt") else value
