"""Mapping objects of the contract: read, written, read back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.core.destinations import DataStorePath, EndpointResult, Nowhere, RunResult
from headrace.core.errors import InvalidMapping, InvalidRequest
from headrace.core.sources import (
    Constant,
    DataStoreFile,
    EndpointValue,
    EnvironmentVariable,
    Null,
    RunValue,
)
from headrace.core.values import Json
from headrace.wire.codec import decode, encode
from headrace.wire.mappings import (
    destination_fields,
    destination_from,
    read_input_mapping,
    read_output_mapping,
    source_fields,
    source_from,
)

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,20}", fullmatch=True)
variable_names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,20}", fullmatch=True)
paths = st.from_regex(r"[a-z]{1,5}(/[a-z0-9.]{1,5}[a-z]){0,3}", fullmatch=True)
numbers = st.integers(-(10**30), 10**30) | st.floats(allow_nan=False, allow_infinity=False)
scalars = st.booleans() | numbers | st.text()
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner | st.none(), max_size=3)
        | st.dictionaries(st.text(), inner | st.none(), max_size=3)
    ),
    max_leaves=6,
)
sources_of_callers = st.one_of(
    st.builds(EndpointValue, names, st.none() | st.booleans(), st.none() | values),
    st.builds(Constant, values),
    st.builds(EnvironmentVariable, variable_names),
    st.builds(DataStoreFile, paths),
    st.just(Null()),
)
destinations_of_callers = st.one_of(
    st.builds(EndpointResult, names), st.builds(DataStorePath, paths), st.just(Nowhere())
)


@given(names, sources_of_callers, st.sampled_from(["pipeline_input_name", "step_input_name"]))
def test_an_input_mapping_is_read_back(name: str, source: Any, key: str) -> None:
    sent = decode(encode({key: name, **source_fields(source)}), "mapping")
    assert read_input_mapping(sent) == (name, source)


@given(
    names, destinations_of_callers, st.sampled_from(["pipeline_output_name", "step_output_name"])
)
def test_an_output_mapping_is_read_back(name: str, destination: Any, key: str) -> None:
    sent = decode(encode({key: name, **destination_fields(destination)}), "mapping")
    assert read_output_mapping(sent) == (name, destination)


@given(sources_of_callers | st.builds(RunValue, names))
def test_a_stored_source_is_read_back(source: Any) -> None:
    stored = decode(encode([source.kind, source_fields(source)]), "row")
    assert source_from(*stored) == source


@given(destinations_of_callers | st.builds(RunResult, names))
def test_a_stored_destination_is_read_back(destination: Any) -> None:
    stored = decode(encode([destination.kind, destination_fields(destination)]), "row")
    assert destination_from(*stored) == destination


def test_falsy_constants_are_constants() -> None:
    falsy: tuple[Json, ...] = (0, False, "", [], {})
    for value in falsy:
        item = {"pipeline_input_name": "x", "constant_value": value, "datastore_path": None}
        assert read_input_mapping(item) == ("x", Constant(value))


IN: dict[str, Any] = {"pipeline_input_name": "x"}
OUT: dict[str, Any] = {"pipeline_output_name": "x"}


@pytest.mark.parametrize(
    ("item", "said"),
    [
        (7, "Each element of inputs_mapping must be an object"),
        ([], "Each element of inputs_mapping must be an object"),
        ({}, "names its input once"),
        ({"is_null": True}, "names its input once"),
        ({**IN, "step_input_name": "x", "is_null": True}, "names its input once"),
        ({"pipeline_input_name": 7, "is_null": True}, "names its input once"),
        (IN, "input 'x' is mapped to nothing: give exactly one of endpoint_input_name"),
        ({**IN, "constant_value": None}, "mapped to nothing"),
        (
            {**IN, "constant_value": 1, "is_null": True},
            "mapped to constant_value and is_null: give exactly one",
        ),
        ({**IN, "is_null": False}, "input 'x': is_null can only be true"),
        ({**IN, "is_null": "true"}, "input 'x': is_null can only be true"),
        ({**IN, "is_null": True, "is_required": True}, "go with endpoint_input_name alone"),
        ({**IN, "constant_value": 1, "default_value": 2}, "go with endpoint_input_name alone"),
        ({**IN, "endpoint_input_name": "a", "is_required": 1}, "is_required must be true or"),
        ({**IN, "endpoint_input_name": "a b"}, "endpoint_input_name 'a b'"),
        ({**IN, "endpoint_input_name": 7}, "endpoint_input_name must be"),
        ({**IN, "environment_variable_name": "A B"}, "environment_variable_name: 'A B'"),
        ({**IN, "environment_variable_name": 7}, "environment_variable_name"),
        ({**IN, "datastore_path": "../a"}, "'../a'"),
        ({**IN, "datastore_path": ["a"]}, "path of an object"),
        ({**IN, "value": 1}, "inputs_mapping has the unknown key value; the keys are"),
    ],
)
def test_what_is_no_input_mapping(item: object, said: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        read_input_mapping(item)
    assert said in refusal.value.message


@pytest.mark.parametrize(
    ("item", "said"),
    [
        ("x", "Each element of outputs_mapping must be an object"),
        ({"is_null": True}, "names its output once"),
        (OUT, "output 'x' is mapped to nothing"),
        ({**OUT, "datastore_path": "a", "is_null": True}, "datastore_path and is_null"),
        ({**OUT, "datastore_path": 7}, "output 'x': datastore_path must be a text"),
        ({**OUT, "datastore_path": "{hour}"}, "unknown pattern {hour}"),
        ({**OUT, "constant_value": 1}, "unknown key constant_value"),
        ({**OUT, "environment_variable_name": "A"}, "unknown key environment_variable_name"),
        ({**OUT, "is_null": 1}, "is_null can only be true"),
    ],
)
def test_what_is_no_output_mapping(item: object, said: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        read_output_mapping(item)
    assert said in refusal.value.message


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "pipeline_input_name",
                "step_input_name",
                "endpoint_input_name",
                "constant_value",
                "environment_variable_name",
                "datastore_path",
                "is_null",
                "is_required",
                "default_value",
                "other",
            ]
        ),
        st.none() | values,
    )
)
def test_any_object_is_a_mapping_or_refused(item: dict[str, Any]) -> None:
    try:
        name, source = read_input_mapping(item)
    except InvalidRequest as refusal:
        assert isinstance(refusal, InvalidMapping) or refusal.message  # noqa: PT017 - either is legal
    else:
        assert read_input_mapping({"pipeline_input_name": name, **source_fields(source)}) == (
            name,
            source,
        )
