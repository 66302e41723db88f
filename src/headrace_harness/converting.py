"""From what a function returned to JSON text, by the declared types of its outputs.

Nothing is imported to do so: objects of numpy, pandas and torch are known by what they can do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from headrace_harness.labels import DEEP, check_keys, distinct, refuse_equal
from headrace_harness.scalars import (
    TEXTS,
    Misfit,
    coarse,
    describe,
    is_null,
    is_scalar,
    scalar,
    text_of,
)
from headrace_harness.stdlib import collections, dataclasses, decimal, enum, json, math, numbers

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


def _number(value: Any) -> int | float:
    if type(value) is int:  # what is most frequent first
        return value
    given = value
    value = _python_number(scalar(value))
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise Misfit(f"must be a number, but is {describe(given)}")
    if isinstance(value, float) and not math.isfinite(value):
        what = "NaN" if math.isnan(value) else "infinite"
        raise Misfit(f"is {what}, which JSON cannot hold; return None for a missing number")
    return value


def _boolean(value: Any) -> bool:
    found = scalar(value)
    if isinstance(found, bool):
        return found
    raise Misfit(f"must be a boolean, but is {describe(value)}")


def _string(value: Any) -> str:
    found = scalar(value)
    if isinstance(found, TEXTS):
        return text_of(found)
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
        return _table(value, "records")
    if _has_items(value):
        return _items(value)
    raise Misfit(f"must be an array, but is {describe(value)}")


def _dump(value: Any) -> str:
    """Return JSON text; the encoder in C does all of it, unless a value or key needs care."""
    try:
        try:
            check_keys(value)
            text = _encode(value)
        except (TypeError, ValueError):
            text = json.dumps(_normalised(value), allow_nan=False, ensure_ascii=False)
        text.encode("utf-8")
    except RecursionError:
        raise Misfit(DEEP) from None
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
        items = map(_normalised, value.values())
        return dict(zip(distinct(value), items))  # noqa: B905 - Python 3.9 has no strict
    if isinstance(value, (list, tuple)):
        return [_normalised(item) for item in value]
    return _normalised(_plain(value))


def _plain(value: Any) -> Any:
    """Return an object that JSON does not know as one that is nearer to JSON."""
    found = _nearer(value)
    check_keys(found)
    return found


def _nearer(value: Any) -> Any:
    if is_null(value):
        return None
    if isinstance(value, (bytes, bytearray, memoryview)):
        raise Misfit(
            f"holds {describe(value)}, which JSON cannot hold; "
            'write it to a file and return {"path": ...} as an output of type file'
        )
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, TEXTS):
        return text_of(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, _SEQUENCES):
        return _sequence(value)
    if isinstance(value, numbers.Number) or is_scalar(value):
        return _plain_number(value)
    return _plain_container(value)


def _plain_container(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if _is_table(value):
        return _table(value, "list")
    if hasattr(type(value), "model_fields"):  # a model of pydantic
        return value.model_dump()
    if _has_items(value):
        return _by_label(value) if hasattr(value, "to_dict") else _items(value)
    raise Misfit(f"holds {describe(value)}, which JSON cannot hold")


def _table(frame: Any, shape: str) -> Any:
    refuse_equal(frame.columns, "column names", "rename the columns")
    return frame.to_dict(shape)


def _by_label(series: Any) -> Any:
    refuse_equal(series.index, "index labels", "reset the index, or return the values alone")
    return series.to_dict()


def _plain_number(value: Any) -> Any:
    found = _python_number(scalar(value))
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


def _is_table(value: Any) -> bool:
    """Whether this is a DataFrame."""
    return hasattr(value, "columns") and hasattr(value, "iloc") and hasattr(value, "to_dict")


def _has_items(value: Any) -> bool:
    """Whether this is an array, Series, Index or tensor."""
    return callable(getattr(value, "tolist", None)) and not is_scalar(value)


def _items(value: Any) -> Any:
    return coarse(value).tolist()


# Made once: ``json.dumps`` makes one for each value.
_encode = json.JSONEncoder(allow_nan=False, default=_plain, ensure_ascii=False).encode
