"""Bracketed form fields become the tree that was sent, apart from the documented losses."""

import pytest

from headrace.core.errors import InvalidRequest
from headrace.wire.forms import MAX_DEPTH, MAX_FIELDS, FormText, decode_tree

EXAMPLE = """\
pipeline_name=p
function_path=main.py
function_name=f
description=desc
container_config[language]=python:3.10-slim
container_config[system_dependencies]=
container_config[repository_branch]=main
container_config[included_folders][0]=src
inputs[0][name]=n
inputs[0][data_type]=number
inputs[0][is_required]=False
inputs[0][default_value]=1.5
inputs[1][name]=j
inputs[1][data_type]=json
inputs[1][default_value][a][b]=
inputs[1][default_value][a][c]=True
outputs[0][name]=r
outputs[0][data_type]=number"""


def test_the_example_of_the_contract():
    split = [line.partition("=") for line in EXAMPLE.splitlines()]
    pairs = [(name, value) for name, _, value in split]
    assert decode_tree(pairs) == {
        "pipeline_name": "p",
        "function_path": "main.py",
        "function_name": "f",
        "description": "desc",
        "container_config": {
            "language": "python:3.10-slim",
            "system_dependencies": "",
            "repository_branch": "main",
            "included_folders": ["src"],
        },
        "inputs": [
            {"name": "n", "data_type": "number", "is_required": "False", "default_value": "1.5"},
            {"name": "j", "data_type": "json", "default_value": {"a": {"b": "", "c": "True"}}},
        ],
        "outputs": [{"name": "r", "data_type": "number"}],
    }


@pytest.mark.parametrize(
    ("sent", "arrives"),
    [
        ({"sub": "x", "other": {"deep": "y"}}, {"sub": "x", "other": {"deep": "y"}}),
        (["x", "y"], ["x", "y"]),
        ([{"sub": "x"}, {"sub": "y"}], [{"sub": "x"}, {"sub": "y"}]),
        (None, ""),
        (True, "True"),
        (False, "False"),
        (1, "1"),
        (1.5, "1.5"),
        (1e20, "1e+20"),
        ("é\nü", "é\nü"),
        ("", ""),
    ],
)
def test_each_rule_of_the_contract_for_values(encode, sent, arrives):
    assert decode_tree(encode({"k": sent})) == {"k": arrives}


@pytest.mark.parametrize("sent", [{}, [], {"sub": {}}, {"sub": []}])
def test_empty_containers_vanish(encode, sent):
    assert decode_tree(encode({"before": "b", "k": sent})) == {"before": "b"}


@pytest.mark.parametrize(
    ("sent", "in_a_form", "in_multipart"),
    [
        ([1, [2, 3]], ["1", ["2", "3"]], ["1", "[2, 3]"]),
        ([[2, 3]], [["2", "3"]], ["[2, 3]"]),
        ((4, 5), ["4", "5"], "(4, 5)"),
        ([[2]], ["2"], ["[2]"]),
    ],
)
def test_lists_in_lists_and_tuples_depend_on_the_encoding(
    encode, encoding, sent, in_a_form, in_multipart
):
    expected = in_a_form if encoding == "urlencoded" else in_multipart
    assert decode_tree(encode({"k": sent})) == {"k": expected}


def test_only_keys_from_zero_without_gaps_make_a_list():
    tree = decode_tree(
        [
            ("list[1]", "b"),
            ("list[0]", "a"),
            ("gap[0]", "a"),
            ("gap[2]", "c"),
            ("padded[00]", "a"),
        ]
    )
    assert tree == {"list": ["a", "b"], "gap": {"0": "a", "2": "c"}, "padded": {"00": "a"}}


def test_leaves_say_that_they_come_from_a_form():
    tree = decode_tree([("a[0][b]", "x")])
    assert isinstance(tree["a"][0]["b"], FormText)


@pytest.mark.parametrize(
    "key", ["", "a[", "a]b", "a[]", "[a]", "a[b]c", "a[b", "a[[b]]", "a[b]]", "]"]
)
def test_a_malformed_key_is_named(key):
    with pytest.raises(InvalidRequest, match="malformed") as caught:
        decode_tree([(key, "x")])
    assert repr(key) in caught.value.message


@pytest.mark.parametrize(
    "pairs",
    [
        [("a", "1"), ("a[b]", "2")],
        [("a[b]", "2"), ("a", "1")],
        [("a[0]", "1"), ("a[0][b][c]", "2")],
        [("a[0][b][c]", "2"), ("a[0]", "1")],
    ],
)
def test_a_field_with_a_value_and_fields_inside_it_is_refused(pairs):
    with pytest.raises(InvalidRequest, match="contradicts") as caught:
        decode_tree(pairs)
    assert repr(pairs[-1][0]) in caught.value.message


def test_depth_is_limited():
    deepest = "a" + "[b]" * (MAX_DEPTH - 1)
    assert decode_tree([(deepest, "x")])
    with pytest.raises(InvalidRequest, match="too deeply"):
        decode_tree([(deepest + "[b]", "x")])
    with pytest.raises(InvalidRequest, match="too deeply"):
        decode_tree([("a" + "[b]" * 1_000_000, "x")])


def test_the_number_of_fields_is_limited():
    assert len(decode_tree((f"k{i}", "x") for i in range(MAX_FIELDS))) == MAX_FIELDS
    endless = ((f"k[{i}]", "x") for i in iter(int, 1))
    with pytest.raises(InvalidRequest, match="10,000 fields"):
        decode_tree(endless)


@pytest.mark.parametrize("pair", [("k", "\udcff"), ("k[\udcff]", "x")])
def test_what_is_not_utf8_is_refused(pair):
    with pytest.raises(InvalidRequest, match="UTF-8") as caught:
        decode_tree([pair])
    caught.value.message.encode()
