"""From what a function returned to JSON text, by the declared types of its outputs.

Nothing is imported to do so: objects of numpy, pandas and torch are known by what they can do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from headrace_harness.stdlib import (
    collections,
    dataclasses,
    decimal,
    enum,
    json,
    math,
    numbers,
    os,
    uuid,
)
from headrace_harness.stdlib import datetime as dt

_SHOWN_CHARACTERS = 60
_DECIMAL_DIGITS = 400  # beyond them no float exists, and an integer would be vast
_SEQUENCES: tuple[type, ...] = (
    list,
    tuple,
    set,
    frozenset,
    range,
    collections.deque,
    type({}.keys()),
    type({}.values()),
    type({}.items()),
)
_TEXTS = (str, os.PathLike, uuid.UUID, dt.date, dt.time)
_DEEP = "is nested too deeply, or contains itself"


class Misfit(Exception):
    """A value that its output cannot hold; the message completes ``output 'x' …``."""


def to_json(value: Any, data_type: str) -> str:
    """Return the JSON text of a value of an output that is no file; None is null for all types.

    Raises:
        Misfit: The value is not of this type, or JSON cannot hold it.
    """
    if is_null(value):
        return "null"
    if data_type == "array":
        value = _array(value)
    elif data_type != "json":
        value = _SCALARS[data_type](value)
    return _dump(value)


def is_null(value: Any) -> bool:
    """Tell whether a value is None, or what pandas has in its place."""
    return value is None or (
        type(value).__name__ in {"NAType", "NaTType"}
        and type(value).__module__.startswith("pandas")
    )


def describe(value: Any) -> str:
    """Say what a value is, with the value itself if that is short: ``a str: 'abc'``."""
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


def _number(value: Any) -> int | float:
    if type(value) is int:  # what is most frequent first
        return value
    given = value
    value = _python_number(_scalar(value))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Misfit(f"must be a number, but is {describe(given)}")
    if isinstance(value, float) and not math.isfinite(value):
        what = "NaN" if math.isnan(value) else "infinite"
        raise Misfit(f"is {what}, which JSON cannot hold; return None for a missing number")
    return value


def _boolean(value: Any) -> bool:
    found = _scalar(value)
    if isinstance(found, bool):
        return found
    raise Misfit(f"must be a boolean, but is {describe(value)}")


def _string(value: Any) -> str:
    found = _scalar(value)
    if isinstance(found, _TEXTS):
        return _text(found)
    raise Misfit(f"must be a string, but is {describe(value)}")


_SCALARS: dict[str, Callable[[Any], Any]] = {
    "number": _number,
    "boolean": _boolean,
    "string": _string,
}


def _array(value: Any) -> Any:
    if isinstance(value, _SEQUENCES):
        return _sequence(value)
    if _is_table(value):
        return value.to_dict("records")
    if _has_items(value):
        return _items(value)
    raise Misfit(f"must be an array, but is {describe(value)}")


def _dump(value: Any) -> str:
    """Return JSON text; the encoder in C does all of it, unless a value or key needs care."""
    try:
        try:
            text = _encode(value)
        except (TypeError, ValueError):
            text = json.dumps(_normalised(value), allow_nan=False, ensure_ascii=False)
        text.encode("utf-8")
    except RecursionError:
        raise Misfit(_DEEP) from None
    except UnicodeEncodeError:
        raise Misfit("holds text with code points that are no characters (surrogates)") from None
    except (TypeError, ValueError) as error:
        raise Misfit(f"cannot be written as JSON: {error}") from None
    return text


def _normalised(value: Any) -> Any:
    """Return ``value`` made of JSON's own types, with null for NaN, at any depth."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        if math.isinf(value):
            raise Misfit("holds an infinite number, which JSON cannot hold")
        return None if math.isnan(value) else value
    if isinstance(value, dict):
        return {_key(key): _normalised(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_normalised(item) for item in value]
    return _normalised(_plain(value))


def _plain(value: Any) -> Any:
    """Return an object that JSON does not know as one that is nearer to JSON."""
    if is_null(value):
        return None
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise Misfit(
            f"holds {describe(value)}, which JSON cannot hold; "
            'write it to a file and return {"path": ...} as an output of type file'
        )
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, _TEXTS):
        return _text(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, _SEQUENCES):
        return _sequence(value)
    if isinstance(value, numbers.Number) or _is_scalar(value):
        return _plain_number(value)
    return _plain_container(value)


def _plain_container(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if _is_table(value):
        return value.to_dict("list")
    if _has_items(value):
        return value.to_dict() if hasattr(value, "to_dict") else _items(value)
    raise Misfit(f"holds {describe(value)}, which JSON cannot hold")


def _plain_number(value: Any) -> Any:
    found = _python_number(_scalar(value))
    if isinstance(found, numbers.Number) and not isinstance(found, (int, float)):
        raise Misfit(f"holds {describe(value)}, which JSON cannot hold")
    return found


def _python_number(value: Any) -> Any:
    """Return a real number of any library as an int or float; anything else as it is."""
    if isinstance(value, (int, float)):
        return value
    if isinstance(value, decimal.Decimal):
        is_whole = value.is_finite() and value.adjusted() < _DECIMAL_DIGITS and value == int(value)
        return int(value) if is_whole else float(value)
    return float(value) if isinstance(value, numbers.Real) else value


def _sequence(value: Any) -> list[Any] | tuple[Any, ...]:
    if isinstance(value, (list, tuple)):
        return value
    if isinstance(value, (set, frozenset)):
        try:
            return sorted(value)
        except TypeError:
            pass
    return list(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, os.PathLike):
        path = os.fspath(value)
        return path if isinstance(path, str) else os.fsdecode(path)
    return str(value) if isinstance(value, uuid.UUID) else value.isoformat()


def _key(key: Any) -> str:
    """Return the key of an object as ``json`` writes it, and dates and the like as text."""
    found = _scalar(key)
    if is_null(found):
        return "null"
    if isinstance(found, _TEXTS):
        return _text(found)
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, int):
        return int.__repr__(found)
    if isinstance(found, float):
        return float.__repr__(found)
    raise Misfit(f"holds an object with a key that is {describe(key)}; keys must be strings")


def _scalar(value: Any) -> Any:
    """Return the Python object inside an enum member, numpy scalar or array without dimension."""
    if isinstance(value, enum.Enum):
        return value.value
    return _coarse(value).item() if _is_scalar(value) else value


def _is_scalar(value: Any) -> bool:
    return getattr(value, "shape", None) == () and callable(getattr(value, "item", None))


def _is_table(value: Any) -> bool:
    """Whether this is a DataFrame."""
    return hasattr(value, "columns") and hasattr(value, "iloc") and hasattr(value, "to_dict")


def _has_items(value: Any) -> bool:
    """Whether this is an array, Series, Index or tensor."""
    return callable(getattr(value, "tolist", None)) and not _is_scalar(value)


def _items(value: Any) -> Any:
    return _coarse(value).tolist()


def _coarse(value: Any) -> Any:
    """Return times of numpy in microseconds: finer ones would become bare integers."""
    is_time = getattr(getattr(value, "dtype", None), "kind", "") == "M"
    return value.astype("datetime64[us]") if is_time and not hasattr(value, "dt") else value


# Made once: ``json.dumps`` makes one for each value.
_encode = json.JSONEncoder(allow_nan=False, default=_plain, ensure_ascii=False).encode
