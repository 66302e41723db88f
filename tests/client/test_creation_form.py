"""The form that creates a pipeline means to the server what the user meant."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace import CREATION_PARAMETER_VALUE, Input, InvalidRequest, Output
from headrace.cli.parameters import input_from_text
from headrace.client.creation import creation_fields, explicit, local_folder, parameter_text
from headrace.wire.creation import UNSET, read_pipeline_request
from headrace.wire.forms import decode_tree

SIMPLE: dict[str, Any] = {
    "pipeline_name": "p",
    "function_path": "main.py",
    "function_name": "f",
    "description": None,
    "config": {},
    "inputs": (),
    "outputs": (),
}

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
defaults = st.one_of(
    st.tuples(st.just("string"), st.text()),
    st.tuples(st.just("number"), st.floats(allow_nan=False, allow_infinity=False)),
    st.tuples(st.just("number"), st.integers(-(2**53), 2**53)),
    st.tuples(st.just("boolean"), st.booleans()),
    st.tuples(st.just("array"), st.lists(json_values, max_size=3)),
    st.tuples(st.just("json"), json_values),
)


def read_back(**fields):
    return read_pipeline_request(decode_tree(list(creation_fields(**(SIMPLE | fields)))))


@given(
    defaults, st.sampled_from([None, True, False]), st.sampled_from([None, "texte é\nsecond line"])
)
def test_an_input_arrives_as_it_was_declared(default, is_required, description):
    data_type, value = default
    declared = Input("n", data_type, description, is_required, value)
    (arrived,) = read_back(inputs=[declared]).inputs
    assert arrived.default_value == declared.default_value
    assert type(arrived.default_value) is type(declared.default_value)
    assert (arrived.name, arrived.data_type) == ("n", declared.data_type)
    assert bool(arrived.is_required) == bool(is_required)
    assert arrived.description == description


def test_outputs_arrive_in_order():
    outputs = (Output("b", "number", "the sum"), Output("a", "file"))
    assert read_back(outputs=outputs).outputs == outputs


def test_config_keys_are_a_value_null_or_left_out():
    config = explicit(
        {
            "language": "python:3.12-slim",
            "requirements_path": CREATION_PARAMETER_VALUE.NULL,
            "included_folders": ["src", "lib/a b"],
            "system_dependencies": None,
            "repository_url": CREATION_PARAMETER_VALUE.FALLBACK_PROJECT,
        }
    )
    arrived = read_back(config=config).config
    assert arrived.language == "python:3.12-slim"
    assert arrived.requirements_path is None
    assert arrived.system_dependencies is None
    assert arrived.included_folders == ("src", "lib/a b")
    assert arrived.repository_url is UNSET
    assert arrived.repository_branch is UNSET


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"langage": "python:3.12-slim"}, "unknown key langage"),
        ({"included_folders": "src"}, "included_folders.*list"),
        ({"language": 3}, "language.*text"),
    ],
)
def test_a_config_that_cannot_be_says_why(config, words):
    with pytest.raises(InvalidRequest, match=words):
        explicit(config)


def test_a_pipeline_comes_from_a_folder_or_a_repository(tmp_path):
    assert local_folder({"local_folder": str(tmp_path)}) == tmp_path
    assert local_folder({}) is None
    with pytest.raises(InvalidRequest, match="local_folder and repository_url"):
        local_folder({"local_folder": "a", "repository_url": "git@x:y"})


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"inputs": [Output("a", "number")]}, "inputs must be a list of Input"),
        ({"outputs": "a"}, "outputs must be a list of Output"),
        ({"inputs": [Input("a", "number"), Input("a", "string")]}, "doubled: a"),
        ({"pipeline_name": "a/b"}, "not a valid name"),
    ],
)
def test_what_cannot_be_created_is_refused_before_it_is_sent(fields, words):
    with pytest.raises(InvalidRequest, match=words):
        creation_fields(**(SIMPLE | fields))


@pytest.mark.parametrize(
    ("default", "kind", "text"),
    [
        (False, "boolean", "p:boolean=false"),
        (["a", None], "array", 'p:array=["a", null]'),
        ("a b", "string", "p:string=a b"),
        (None, "file", "p:file"),
    ],
    ids=str,
)
def test_a_parameter_is_shown_as_the_command_line_takes_it(default, kind, text):
    shown = parameter_text({"name": "p", "data_type": kind, "default_value": default})
    assert shown == text
    parameter = input_from_text(shown)
    assert (parameter.default_value, parameter.data_type.value) == (default, kind)
