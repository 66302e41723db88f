"""Which Python values become which JSON, by the declared type of an output."""

from __future__ import annotations

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import json
import types
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace_harness.converting import to_json
from headrace_harness.scalars import Misfit

NAN, INF = float("nan"), float("inf")
WHEN = dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC)


class Colour(enum.Enum):
    RED = "red"


class Text(str, enum.Enum):  # noqa: UP042 - user code has these too
    A = "a"


class Level(enum.IntEnum):
    HIGH = 3


@dataclasses.dataclass
class Point:
    x: Any
    names: set[str]


@pytest.mark.parametrize(
    ("value", "data_type", "expected"),
    [
        *[(None, kind, None) for kind in ("number", "string", "boolean", "array", "json")],
        (1, "number", 1),
        (-1.5, "number", -1.5),
        (10**100, "number", 10**100),
        (decimal.Decimal(3), "number", 3),
        (decimal.Decimal("1.5"), "number", 1.5),
        (fractions.Fraction(1, 2), "number", 0.5),
        (Level.HIGH, "number", 3),
        (True, "boolean", True),
        ("é\n", "string", "é\n"),
        (Text.A, "string", "a"),
        (Colour.RED, "string", "red"),
        (Path("a/b"), "string", "a/b"),
        (uuid.UUID(int=1), "string", "00000000-0000-0000-0000-000000000001"),
        (WHEN, "string", "2024-01-02T03:04:05+00:00"),
        (WHEN.date(), "string", "2024-01-02"),
        (dt.time(1, 2), "string", "01:02:00"),
        ([1, "a", None], "array", [1, "a", None]),
        ((1, (2, 3)), "array", [1, [2, 3]]),
        ({3, 1, 2}, "array", [1, 2, 3]),
        (range(3), "array", [0, 1, 2]),
        (collections.deque([1]), "array", [1]),
        ({"a": 1}.keys(), "array", ["a"]),
        ([NAN, {"a": NAN}], "array", [None, {"a": None}]),
        (NAN, "json", None),
        ({"a": [1]}, "json", {"a": [1]}),
        ({1: 1, 1.5: 2, False: 3, None: 4}, "json", {"1": 1, "1.5": 2, "false": 3, "null": 4}),
        ({WHEN.date(): 1, Colour.RED: 2}, "json", {"2024-01-02": 1, "red": 2}),
        (types.MappingProxyType({"a": 1}), "json", {"a": 1}),
        (
            {1: {"1": {1: 2}}, "2": [{2: 3}, {"2": 4}]},
            "json",
            {"1": {"1": {"1": 2}}, "2": [{"2": 3}, {"2": 4}]},
        ),
        (Point(1.0, {"b", "a"}), "json", {"x": 1.0, "names": ["a", "b"]}),
        ([Point(NAN, set())], "json", [{"x": None, "names": []}]),
        ("text", "json", "text"),
        ({"d": decimal.Decimal("NaN"), "w": WHEN}, "json", {"d": None, "w": WHEN.isoformat()}),
    ],
)
def test_a_value_that_fits_becomes_this_json(value, data_type, expected):
    assert json.loads(to_json(value, data_type)) == expected


def deep(levels):
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


def itself():
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "data_type", "message"),
    [
        ("abc", "number", "must be a number, but is a str: 'abc'"),
        (True, "number", "must be a number, but is a bool: True"),
        (1j, "number", "must be a number, but is a complex"),
        (NAN, "number", "is NaN, which JSON cannot hold; return None for a missing number"),
        (-INF, "number", "is infinite, which JSON cannot hold"),
        (decimal.Decimal("1e999999999"), "number", "is infinite"),
        (1, "boolean", "must be a boolean, but is an int: 1"),
        (1, "string", "must be a string, but is an int: 1"),
        (b"x", "string", "must be a string, but is a bytes: b'x'"),
        ("\udcff", "string", "surrogates"),
        ("abc", "array", "must be an array, but is a str: 'abc'"),
        ({"a": 1}, "array", "must be an array, but is a dict"),
        ((n for n in range(0)), "array", "must be an array, but is a generator"),
        ([1, INF], "array", "holds an infinite number"),
        ({"a": b"x"}, "json", 'write it to a file and return {"path": ...}'),
        ({(1, 2): 1}, "json", "a key that is a tuple; keys must be strings"),
        ([object()], "json", "holds an object, which JSON cannot hold"),
        ({"a": dt.timedelta(1)}, "json", "holds a timedelta, which JSON cannot hold"),
        (itself(), "json", "is nested too deeply, or contains itself"),
        ({1: "a", "1": "b"}, "json", "the keys 1 and '1', which are both \"1\" in JSON"),
        ([{"a": {None: 1, "null": 2}}], "array", "the keys None and 'null'"),
        ({True: 1, "true": 2}, "json", "the keys True and 'true'"),
        ({NAN: 1, float("nan"): 2}, "json", "the keys nan and nan"),
        ({1.5: [NAN], "1.5": 2}, "json", "the keys 1.5 and '1.5'"),
        ({Colour.RED: 1, "red": 2}, "json", "<Colour.RED: 'red'> and 'red'"),
        ({WHEN.date(): 1, "2024-01-02": 2}, "json", "and '2024-01-02'"),
        (types.MappingProxyType({2: 1, "2": 2}), "json", "the keys 2 and '2'"),
        (Point({3: 1, "3": 2}, set()), "json", "the keys 3 and '3'"),
        ([types.MappingProxyType({"a": {4: 1, "4": 2}})], "array", "the keys 4 and '4'"),
        (deep(201), "json", "is nested too deeply"),
    ],
)
def test_a_value_that_does_not_fit_is_described(value, data_type, message):
    with pytest.raises(Misfit) as caught:
        to_json(value, data_type)
    assert message in str(caught.value)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(st.characters(exclude_categories=["Cs"])),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner)
        ),
    )
)
def test_json_values_stay_as_they_are(value):
    assert json.loads(to_json(value, "json")) == value
    # A key that needs care sends the same value through the slower way.
    assert json.loads(to_json({Colour.RED: value}, "json")) == {"red": value}
