"""How the sources of inputs and the destinations of outputs are written on the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from headrace.cli.usage import usage
from headrace.client.mappings import InputSource, OutputDestination
from headrace.core.errors import InvalidRequest
from headrace.core.values import DataType, value_from_text

SOURCE_SYNTAX = (
    "NAME=endpoint:OTHER[!], NAME=constant:VALUE, NAME=env:VARIABLE, NAME=store:PATH or NAME=null"
)
DESTINATION_SYNTAX = "NAME=endpoint:OTHER, NAME=store:PATH or NAME=null"


def source_from_text(text: str, types: Mapping[str, DataType]) -> InputSource:
    """Return the source that ``name=kind:what`` connects an input to.

    Args:
        text: What was given on the command line.
        types: The type of each input, by which a constant is read.

    Raises:
        InvalidRequest: The text is not of that form.
    """
    name, kind, what = _parts(text, SOURCE_SYNTAX)
    if kind == "null":
        return InputSource(name, is_null=True)
    if kind == "constant":
        data_type = types.get(name, DataType.STRING)
        value = value_from_text(what, data_type, f"the constant of input {name!r}")
        return InputSource(name, constant_value=value)
    if kind == "endpoint":
        required = True if what.endswith("!") else None
        return InputSource(name, endpoint_input_name=what.removesuffix("!"), is_required=required)
    if kind == "env":
        return InputSource(name, environment_variable_name=what)
    if kind == "store":
        return InputSource(name, datastore_path=what)
    raise _no_connection(text, SOURCE_SYNTAX)


def destination_from_text(text: str) -> OutputDestination:
    """Return the destination that ``name=kind:what`` connects an output to.

    Raises:
        InvalidRequest: The text is not of that form.
    """
    name, kind, what = _parts(text, DESTINATION_SYNTAX)
    match kind:
        case "null":
            return OutputDestination(name, is_null=True)
        case "endpoint":
            return OutputDestination(name, endpoint_output_name=what)
        case "store":
            return OutputDestination(name, datastore_path=what)
        case _:
            raise _no_connection(text, DESTINATION_SYNTAX)


def source_text(item: Mapping[str, Any]) -> str:
    """Return an element of a mapping of inputs as it is written on the command line."""
    name = item["pipeline_input_name"]
    match item:
        case {"endpoint_input_name": sent}:
            return f"{name}=endpoint:{sent}{'!' if item.get('is_required') else ''}"
        case {"constant_value": value}:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            return f"{name}=constant:{text}"
        case {"environment_variable_name": variable}:
            return f"{name}=env:{variable}"
        case {"datastore_path": path}:
            return f"{name}=store:{path}"
        case _:
            return f"{name}=null"


def destination_text(item: Mapping[str, Any]) -> str:
    """Return an element of a mapping of outputs as it is written on the command line."""
    name = item["pipeline_output_name"]
    match item:
        case {"endpoint_output_name": answered}:
            return f"{name}=endpoint:{answered}"
        case {"datastore_path": path}:
            return f"{name}=store:{path}"
        case _:
            return f"{name}=null"


def _parts(text: str, syntax: str) -> tuple[str, str, str]:
    name, equals, connection = text.partition("=")
    kind, colon, what = connection.partition(":")
    if not name or not equals or (kind != "null" and not colon):
        raise _no_connection(text, syntax)
    return name, kind, what


def _no_connection(text: str, syntax: str) -> InvalidRequest:
    return InvalidRequest(f"{text!r} connects nothing: write {syntax}.")


def mapping_from_texts(
    inputs: list[str] | None, outputs: list[str] | None, types: dict[str, DataType]
) -> tuple[list[InputSource], list[OutputDestination]]:
    """Return the sources and destinations that ``--input`` and ``--output`` name.

    Raises:
        WrongUsage: A text is not of its form.
    """
    with usage("--input"):
        sources = [source_from_text(text, types) for text in inputs or ()]
    with usage("--output"):
        destinations = [destination_from_text(text) for text in outputs or ()]
    return sources, destinations
