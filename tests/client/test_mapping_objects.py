"""``InputSource`` and ``OutputDestination``: what they become, and what they refuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace import HeadraceError, InputSource, InvalidMapping, OutputDestination
from headrace.client.mappings import mapping_objects

SOURCES = [
    ({"step_input_name": "n", "constant_value": 6}, None),
    ({"step_input_name": "n", "endpoint_input_name": "number_a"}, None),
    ({"step_input_name": "n", "environment_variable_name": "RECETTE_VAR_ENV_INPUT1"}, None),
    ({"step_input_name": "n", "is_null": True}, None),
    ({"pipeline_input_name": "n", "datastore_path": "a/b.csv"}, None),
    ({"pipeline_input_name": "n", "constant_value": 0}, None),
    ({"pipeline_input_name": "n", "constant_value": False}, None),
    ({"pipeline_input_name": "n", "constant_value": ""}, None),
    (
        {
            "pipeline_input_name": "n",
            "endpoint_input_name": "a",
            "is_required": False,
            "default_value": 3,
        },
        None,
    ),
    (
        {"pipeline_input_name": "n", "constant_value": 1, "is_null": False},
        {"pipeline_input_name": "n", "constant_value": 1},
    ),
]


@pytest.mark.parametrize(("given_fields", "wire"), SOURCES)
def test_a_source_becomes_the_object_of_what_was_given(given_fields, wire):
    assert InputSource(**given_fields).to_dict() == (wire or given_fields)


def test_positions_are_those_of_the_public_client():
    assert InputSource("n", "a", None, True, 2).to_dict() == {
        "pipeline_input_name": "n",
        "endpoint_input_name": "a",
        "is_required": True,
        "default_value": 2,
    }
    assert OutputDestination("r", "a").to_dict() == {
        "pipeline_output_name": "r",
        "endpoint_output_name": "a",
    }


@pytest.mark.parametrize(
    ("given_fields", "words"),
    [
        ({"constant_value": 1}, "names its input once"),
        ({"pipeline_input_name": "n", "step_input_name": "n", "is_null": True}, "once"),
        ({"step_input_name": "n"}, "mapped to nothing"),
        ({"step_input_name": "n", "constant_value": None}, "mapped to nothing"),
        ({"step_input_name": "n", "constant_value": 1, "is_null": True}, "exactly one"),
        ({"step_input_name": "n", "constant_value": 1, "is_required": True}, "is_required"),
        ({"step_input_name": "n", "environment_variable_name": "a b"}, "environment_variable_name"),
        ({"step_input_name": "n", "datastore_path": "../a"}, "'..'"),
    ],
)
def test_a_source_that_cannot_be_says_why(given_fields, words):
    with pytest.raises(HeadraceError, match=words):
        InputSource(**given_fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"step_output_name": "r", "endpoint_output_name": "result"},
        {"step_output_name": "r", "is_null": True},
        {"pipeline_output_name": "r", "datastore_path": "out/{date}/{execution_id}.csv"},
    ],
)
def test_a_destination_becomes_the_object_of_what_was_given(fields):
    assert OutputDestination(**fields).to_dict() == fields


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"is_null": True}, "names its output once"),
        ({"step_output_name": "r"}, "mapped to nothing"),
        ({"step_output_name": "r", "is_null": True, "datastore_path": "a"}, "exactly one"),
        ({"step_output_name": "r", "datastore_path": "a/{time}"}, "unknown pattern"),
    ],
)
def test_a_destination_that_cannot_be_says_why(fields, words):
    with pytest.raises(HeadraceError, match=words):
        OutputDestination(**fields)


@given(st.one_of(st.integers(), st.text(), st.lists(st.booleans()), st.floats(allow_nan=False)))
def test_every_constant_but_null_is_kept_as_it_is(value):
    assert InputSource("n", constant_value=value).to_dict()["constant_value"] == value


@pytest.mark.parametrize("mapping", ["text", {"a": 1}, [{"step_input_name": "n"}], [None], 3])
def test_a_mapping_that_is_no_list_of_sources_is_refused(mapping):
    with pytest.raises(InvalidMapping, match="inputs_mapping must be a list of InputSource"):
        mapping_objects(mapping, InputSource, "inputs_mapping")


def test_sources_and_destinations_are_not_taken_for_each_other():
    with pytest.raises(InvalidMapping, match="OutputDestination"):
        mapping_objects([InputSource("n", is_null=True)], OutputDestination, "outputs_mapping")
