"""What is written on the command line, and what it means."""

from __future__ import annotations

import io
import sys

import pytest

from headrace import Input, InvalidRequest, Output
from headrace.cli.inputs import given_inputs
from headrace.cli.parameters import (
    function_from_text,
    input_from_text,
    output_from_text,
)
from headrace.core.values import DataType


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("n:number", Input("n", "number", is_required=False)),
        ("n:number!", Input("n", "number", is_required=True)),
        ("n:number=1.5", Input("n", "number", is_required=False, default_value=1.5)),
        ("n:number!=2", Input("n", "number", is_required=True, default_value=2)),
        ("t:string=", Input("t", "string", is_required=False, default_value="")),
        ("t:string=a=b:c!", Input("t", "string", is_required=False, default_value="a=b:c!")),
        ("b:BOOLEAN=True", Input("b", "boolean", is_required=False, default_value=True)),
        ('j:json={"a":1}', Input("j", "json", is_required=False, default_value={"a": 1})),
        ("f:file!", Input("f", "file", is_required=True)),
    ],
)
def test_an_input_is_declared_by_name_type_and_default(text, expected):
    assert input_from_text(text) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("n", "does not declare an input"),
        ("n:", "does not declare an input"),
        (":number", "does not declare an input"),
        ("n:numbr", "must be one of string, number"),
        ("n:number=x", "must be of type number"),
        ("n:number!!", "does not declare an input"),
        ("a-b:number", "cannot be a parameter"),
    ],
)
def test_an_input_that_cannot_be_says_why(text, words):
    with pytest.raises(InvalidRequest, match=words):
        input_from_text(text)


def test_an_output_is_declared_by_name_and_type():
    assert output_from_text("total:number") == Output("total", "number")
    with pytest.raises(InvalidRequest, match="does not declare an output"):
        output_from_text("total:number!")


def test_a_function_is_named_by_file_and_name():
    assert function_from_text("src/f.py:fn") == ("src/f.py", "fn")
    for text in ("src/f.py", ":fn", "src/f.py:"):
        with pytest.raises(InvalidRequest, match="names no function"):
            function_from_text(text)


TYPES = {
    "n": DataType.NUMBER,
    "t": DataType.STRING,
    "a": DataType.ARRAY,
    "b": DataType.BOOLEAN,
    "f": DataType.FILE,
}


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        ([], {}),
        (["n=9"], {"n": 9}),
        (["n=-1.5", "b=true"], {"n": -1.5, "b": True}),
        (["t=9"], {"t": "9"}),
        (["t="], {"t": ""}),
        (["t=a=b"], {"t": "a=b"}),
        (["t=@@name"], {"t": "@name"}),
        (["a=[1, 2]"], {"a": [1, 2]}),
        (["f=rows.csv"], {"f": "rows.csv"}),
        (["f=@rows.csv"], {"f": "rows.csv"}),
    ],
)
def test_values_are_read_by_the_type_of_their_input(texts, values):
    assert given_inputs(texts, TYPES) == values


def test_a_value_can_come_from_a_file_or_stdin(tmp_path, monkeypatch):
    path = tmp_path / "values.json"
    path.write_text("[1]\n")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"from a pipe")))
    assert given_inputs([f"a=@{path}", "t=@-"], TYPES) == {"a": [1], "t": "from a pipe"}


def test_a_file_can_come_from_stdin(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\xff\x00")))
    assert given_inputs(["f=@-"], TYPES)["f"].read() == b"\xff\x00"


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (["n"], "gives no input"),
        (["m=1"], "has no input 'm'; its inputs are: n, t, a, b, f"),
        (["n=1", "n=2"], "given twice"),
        (["n=x"], "input 'n' must be of type number"),
        (["a=@missing.json"], r"'missing\.json' cannot be read"),
    ],
)
def test_a_value_that_cannot_be_says_why(texts, words):
    with pytest.raises(InvalidRequest, match=words):
        given_inputs(texts, TYPES)
