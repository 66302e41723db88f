"""Data types: which value fits which, and how a text is read as one."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.errors import InvalidValue, TooLarge
from headrace.core.values import (
    MAX_DEPTH,
    MAX_VALUES_BYTES,
    DataType,
    JsonText,
    check_total_size,
    check_value,
    describe,
    fits,
    parse_data_type,
    value_from_text,
)

NAN = math.nan
LONE = "\ud800"

FITTING: dict[DataType, list[Any]] = {
    DataType.STRING: ["", "text", "é\0\n", "1"],
    DataType.NUMBER: [0, -1, 1.5, 10**30, 1e308],
    DataType.BOOLEAN: [True, False],
    DataType.ARRAY: [[], [1, "a", None, [{}]]],
    DataType.JSON: [{}, {"a": [None]}, [], "text", 0, False],
    DataType.FILE: [],
}
NOT_JSON: list[Any] = [
    NAN,
    math.inf,
    [NAN],
    {"a": {"b": [-math.inf]}},
    {1: 2},
    (1,),
    b"a",
    object,
    LONE,
    [LONE],
    {LONE: 1},
]

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


def by_the_book(value: Any, data_type: DataType) -> bool:
    """Whether a value fits, said in another way: by what its JSON text begins with."""
    try:
        text = json.dumps(value, allow_nan=False)
        text.encode()
    except ValueError:
        return False
    first = text[0]
    return {
        DataType.STRING: first == '"',
        DataType.NUMBER: first in "-0123456789",
        DataType.BOOLEAN: text in {"true", "false"},
        DataType.ARRAY: first == "[",
        DataType.JSON: True,
        DataType.FILE: False,
    }[data_type]


@pytest.mark.parametrize("data_type", DataType)
def test_the_table_of_types(data_type: DataType) -> None:
    everything = [value for values in FITTING.values() for value in values]
    for value in everything:
        same = any(value is fitting for fitting in FITTING[data_type])
        assert fits(value, data_type) is (same or by_the_book(value, data_type)), value
    for value in FITTING[data_type]:
        assert check_value(value, data_type, "input 'x'") is value


@pytest.mark.parametrize("data_type", DataType)
@pytest.mark.parametrize("value", NOT_JSON, ids=repr)
def test_what_is_no_json_fits_nothing(value: Any, data_type: DataType) -> None:
    with pytest.raises(InvalidValue, match="input 'x' must be of type") as refusal:
        check_value(value, data_type, "input 'x'")
    refusal.value.message.encode()


@given(json_values.filter(lambda value: value is not None), st.sampled_from(DataType))
def test_fits_agrees_with_the_json_text(value: Any, data_type: DataType) -> None:
    assert fits(value, data_type) is by_the_book(value, data_type)


def test_a_refusal_names_place_type_example_and_value() -> None:
    with pytest.raises(InvalidValue) as refusal:
        check_value("four", DataType.NUMBER, "input 'n'")
    assert refusal.value.message == (
        "input 'n' must be of type number (for example 1.5), but is a string: \"four\"."
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "null"),
        (True, "a boolean: true"),
        (1.5, "a number: 1.5"),
        ("é", 'a string: "é"'),
        ([1], "an array: [1]"),
        ({"a": 1}, 'an object: {"a": 1}'),
        (b"a", "bytes"),
        (LONE, 'a string: "\\ud800"'),
    ],
)
def test_describe(value: Any, said: str) -> None:
    assert describe(value) == said


@given(json_values)
def test_describe_is_short_and_can_be_sent(value: Any) -> None:
    said = describe(value)
    assert said.encode()
    assert len(said) <= len("an object: ") + 60


def nested(depth: int, value: Any = None) -> Any:
    """A value with so many lists and dicts around it."""
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


def test_the_deepest_value() -> None:
    assert fits(nested(MAX_DEPTH), DataType.JSON)
    assert fits([nested(MAX_DEPTH - 2, [])], DataType.ARRAY)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 990, 5_000])
def test_a_deeper_value_is_refused(depth: int) -> None:
    """However deep a value is, it is judged and described without a traceback."""
    value = nested(depth)
    with pytest.raises(InvalidValue, match="input 'x' is nested too deeply: at most 200"):
        check_value(value, DataType.JSON, "input 'x'")
    with pytest.raises(InvalidValue, match="input 'x' is nested too deeply"):
        check_total_size({"x": value})
    assert describe(value).startswith("an ")


@pytest.mark.parametrize("opening", ["[", '{"a":', "[[[1,"])
def test_a_text_may_be_nested_without_end(opening: str) -> None:
    with pytest.raises(InvalidValue, match="variable 'X'"):
        value_from_text(opening * 100_000, DataType.JSON, "variable 'X'")


@pytest.mark.parametrize(
    ("text", "data_type", "value"),
    [
        (" 1 ", DataType.STRING, " 1 "),
        ("", DataType.STRING, ""),
        ("1", DataType.NUMBER, 1),
        (" -1.5e3\n", DataType.NUMBER, -1500.0),
        ("true", DataType.BOOLEAN, True),
        ("False", DataType.BOOLEAN, False),
        (" TRUE ", DataType.BOOLEAN, True),
        ("[1, null]", DataType.ARRAY, [1, None]),
        ('{"a": 1}', DataType.JSON, {"a": 1}),
        ("null", DataType.JSON, None),
        ('"a"', DataType.JSON, "a"),
    ],
)
def test_a_text_is_read_as_its_type(text: str, data_type: DataType, value: Any) -> None:
    read = value_from_text(text, data_type, "X")
    assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize(
    ("text", "data_type"),
    [
        ("", DataType.NUMBER),
        ("one", DataType.NUMBER),
        ("true", DataType.NUMBER),
        ("NaN", DataType.NUMBER),
        ("-Infinity", DataType.JSON),
        ("1e999", DataType.NUMBER),
        ("1" * 5000, DataType.NUMBER),
        ("1", DataType.BOOLEAN),
        ("yes", DataType.BOOLEAN),
        ("{}", DataType.ARRAY),
        ("[1,]", DataType.ARRAY),
        ("{'a': 1}", DataType.JSON),
        ("a.txt", DataType.FILE),
    ],
)
def test_a_text_that_is_no_such_value_is_refused(text: str, data_type: DataType) -> None:
    with pytest.raises(InvalidValue, match=f"X must be of type {data_type.value}"):
        value_from_text(text, data_type, "X")


@given(json_values, st.sampled_from(DataType))
def test_a_json_text_is_read_back(value: Any, data_type: DataType) -> None:
    if data_type is DataType.STRING or value is None or not fits(value, data_type):
        return
    assert value_from_text(json.dumps(value), data_type, "X") == value


def test_the_total_size_is_that_of_compact_json() -> None:
    room = MAX_VALUES_BYTES - len('{"a":""}')
    check_total_size({"a": "x" * room})
    check_total_size({"a": "é" * (room // 2)})
    with pytest.raises(TooLarge, match=r"60,001 bytes.*at most 60,000") as refusal:
        check_total_size({"a": "x" * (room + 1)})
    assert refusal.value.details == {"size": 60_001, "limit": 60_000}


@pytest.mark.parametrize("text", ["String", "int", "", None, 1, ["string"]])
def test_a_type_that_there_is_not(text: object) -> None:
    with pytest.raises(InvalidValue, match=r"input 'x' has the data type .*string, number"):
        parse_data_type(text, "input 'x'")


def test_a_large_value_stays_text_until_it_is_asked_for() -> None:
    text = JsonText('{"a": [1]}')
    assert text.value() == {"a": [1]}
    assert repr(JsonText('"' + "x" * 99 + '"')) == "JsonText('\"" + "x" * 39 + "')"
    assert describe(text) == 'JSON that begins with {"a": [1]}'


@pytest.mark.parametrize(
    ("text", "types"),
    [
        ('"a"', {DataType.STRING, DataType.JSON}),
        ("-1", {DataType.NUMBER, DataType.JSON}),
        ("true", {DataType.BOOLEAN, DataType.JSON}),
        ("[1]", {DataType.ARRAY, DataType.JSON}),
        ("{}", {DataType.JSON}),
    ],
)
def test_the_type_of_a_large_value_is_told_by_its_first_character(
    text: str, types: set[DataType]
) -> None:
    assert {kind for kind in DataType if fits(JsonText(text), kind)} == types
