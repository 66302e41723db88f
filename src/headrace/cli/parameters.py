"""How inputs, outputs and functions are declared on the command line."""

from __future__ import annotations

import re

from headrace.core.errors import InvalidRequest
from headrace.core.parameters import Input, Output
from headrace.core.values import parse_data_type, value_from_text

INPUT_SYNTAX = "NAME:TYPE (optional), NAME:TYPE! (required) or NAME:TYPE=DEFAULT"
OUTPUT_SYNTAX = "NAME:TYPE"
FUNCTION_SYNTAX = "PATH/TO/FILE.py:FUNCTION"

_INPUT = re.compile(
    r"(?P<name>[^:=]+):(?P<type>[A-Za-z]+)(?P<required>!)?(=(?P<default>.*))?", re.DOTALL
)
_OUTPUT = re.compile(r"(?P<name>[^:=]+):(?P<type>[A-Za-z]+)")


def input_from_text(text: str) -> Input:
    """Return the input that ``name:type``, ``name:type!`` or ``name:type=default`` declares.

    Raises:
        InvalidRequest: The text is none of these.
    """
    found = _INPUT.fullmatch(text)
    if found is None:
        raise InvalidRequest(f"{text!r} does not declare an input: write {INPUT_SYNTAX}.")
    name, default = found["name"], found["default"]
    data_type = parse_data_type(found["type"].lower(), f"input {name!r}")
    value = None
    if default is not None:
        value = value_from_text(default, data_type, f"the default value of input {name!r}")
    return Input(name, data_type, is_required=bool(found["required"]), default_value=value)


def output_from_text(text: str) -> Output:
    """Return the output that ``name:type`` declares.

    Raises:
        InvalidRequest: The text is not of that form.
    """
    found = _OUTPUT.fullmatch(text)
    if found is None:
        raise InvalidRequest(f"{text!r} does not declare an output: write {OUTPUT_SYNTAX}.")
    return Output(found["name"], found["type"].lower())


def function_from_text(text: str) -> tuple[str, str]:
    """Return path and name of the function that ``path/to/file.py:name`` names.

    Raises:
        InvalidRequest: The text is not of that form.
    """
    path, colon, name = text.rpartition(":")
    if not colon or not path or not name:
        raise InvalidRequest(f"{text!r} names no function: write {FUNCTION_SYNTAX}.")
    return path, name
