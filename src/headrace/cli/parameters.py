"""How inputs, outputs and functions are written on the command line."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import typer

from headrace.core.errors import InvalidRequest, InvalidValue
from headrace.core.parameters import Input, Output
from headrace.core.values import DataType, parse_data_type, value_from_text

INPUT_SYNTAX = "NAME:TYPE (optional), NAME:TYPE! (required) or NAME:TYPE=DEFAULT"
OUTPUT_SYNTAX = "NAME:TYPE"
FUNCTION_SYNTAX = "PATH/TO/FILE.py:FUNCTION"

STANDARD_INPUT = "-"

_INPUT = re.compile(
    r"(?P<name>[^:=]+):(?P<type>[A-Za-z]+)(?P<required>!)?(=(?P<default>.*))?", re.DOTALL
)
_OUTPUT = re.compile(r"(?P<name>[^:=]+):(?P<type>[A-Za-z]+)")


@contextmanager
def usage(option: str) -> Iterator[None]:
    """Turn what is wrong with an option's value into an error of usage, which exits with 2."""
    try:
        yield
    except InvalidRequest as error:
        raise typer.BadParameter(error.message, param_hint=option) from None


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


def given_inputs(texts: list[str], types: dict[str, DataType]) -> dict[str, Any]:
    """Return the inputs of a run from its ``name=value`` texts.

    ``@path`` reads the value from a file, ``@-`` from stdin; ``@@`` begins a value that begins with
    ``@``. An input of type file takes ``path`` and ``@path`` alike.

    Args:
        texts: What was given on the command line.
        types: The inputs that the pipeline declares.

    Raises:
        InvalidRequest: A text is not of that form, names no input, or does not fit its type.
    """
    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise InvalidRequest(f"{text!r} gives no input: write NAME=VALUE or NAME=@FILE.")
        if name not in types:
            names = ", ".join(types) or "none"
            raise InvalidRequest(f"The pipeline has no input {name!r}; its inputs are: {names}.")
        if name in values:
            raise InvalidRequest(f"Input {name!r} is given twice.")
        is_file = types[name] is DataType.FILE
        values[name] = _file(value) if is_file else _value(name, value, types[name])
    return values


def _file(text: str) -> str | BinaryIO:
    path = text.removeprefix("@")
    return sys.stdin.buffer if path == STANDARD_INPUT else path


def _value(name: str, text: str, data_type: DataType) -> Any:
    if text.startswith("@@"):
        text = text[1:]
    elif text.startswith("@"):
        text = _read(name, text[1:])
    return value_from_text(text, data_type, f"input {name!r}")


def _read(name: str, path: str) -> str:
    try:
        return sys.stdin.read() if path == STANDARD_INPUT else Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidValue(f"input {name!r}: {path!r} cannot be read: {error}.") from None
