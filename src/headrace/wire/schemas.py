"""JSON Schemas of what an endpoint takes and answers, made from its mapping."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headrace.core.deployments import Deployment
from headrace.core.destinations import EndpointResult
from headrace.core.sources import GivenValue
from headrace.core.values import DataType, Json

Schema = dict[str, Any]

BYTES = "application/octet-stream"

DATA_TYPE = "x-headrace-data-type"
"""Keyword that names the data type of an input or output: a JSON Schema does not always show it."""

_TYPES: dict[DataType, tuple[str, ...]] = {
    DataType.STRING: ("string",),
    DataType.NUMBER: ("number",),
    DataType.BOOLEAN: ("boolean",),
    DataType.ARRAY: ("array",),
    DataType.JSON: ("object", "array", "string", "number", "boolean"),
}
_EXAMPLES: dict[DataType, Json] = {
    DataType.STRING: "text",
    DataType.NUMBER: 1.5,
    DataType.BOOLEAN: True,
    DataType.ARRAY: [1, 2, 3],
    DataType.JSON: {"key": "value"},
}


@dataclass(frozen=True, slots=True)
class Field:
    """An input or output as callers of an endpoint know it.

    Attributes:
        name: Its name in a call or an answer.
        data_type: Its type.
        description: Free text, or None.
    """

    name: str
    data_type: DataType
    description: str | None

    @property
    def is_file(self) -> bool:
        """Whether it is a file."""
        return self.data_type is DataType.FILE


@dataclass(frozen=True, slots=True)
class SentInput(Field):
    """An input as callers of an endpoint know it.

    Attributes:
        default: The value when it is not sent, or None.
        must_be_sent: Whether a call without it is refused.
    """

    default: Json
    must_be_sent: bool


def sent_inputs(deployment: Deployment) -> list[SentInput]:
    """Return the inputs that callers of an endpoint send, in the order of declaration."""
    return [
        SentInput(
            name=item.source.name,
            data_type=item.parameter.data_type,
            description=item.parameter.description,
            default=item.source.default_for(item.parameter),
            must_be_sent=(
                item.source.is_required_for(item.parameter)
                and item.source.default_for(item.parameter) is None
            ),
        )
        for item in deployment.inputs
        if isinstance(item.source, GivenValue)
    ]


def shown_outputs(deployment: Deployment) -> list[Field]:
    """Return the outputs that callers of an endpoint get, in the order of declaration."""
    return [
        Field(item.destination.name, item.parameter.data_type, item.parameter.description)
        for item in deployment.outputs
        if isinstance(item.destination, EndpointResult)
    ]


def inputs_schema(inputs: Sequence[SentInput], *, with_files: bool) -> Schema:
    """Return the schema of an object with a property per input; JSON has none for files."""
    shown = [item for item in inputs if with_files or not item.is_file]
    schema = closed_object({item.name: _input_schema(item) for item in shown})
    return schema | {"required": [item.name for item in shown if item.must_be_sent]}


def outputs_schema(outputs: Sequence[Field]) -> Schema:
    """Return the schema of the JSON answer to a call; every output may be null.

    A file in it is always null, because a file that is there is the answer itself.
    """
    return closed_object(
        {
            "execution_id": {"type": "string", "format": "uuid"},
            "outputs": closed_object({item.name: _output_schema(item) for item in outputs}),
        }
    )


def example_of(inputs: Sequence[SentInput]) -> dict[str, Json]:
    """Return an example of an object with the inputs that are no files."""
    return {item.name: _example(item) for item in inputs if not item.is_file}


def closed_object(properties: Schema) -> Schema:
    """Return the schema of an object with exactly these properties."""
    return {
        "type": "object",
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }


def _input_schema(item: SentInput) -> Schema:
    if item.is_file:
        # Older generators know a file by its format, newer ones by its media type.
        schema: Schema = {"type": "string", "format": "binary", "contentMediaType": BYTES}
    else:
        kinds = _TYPES[item.data_type]
        schema = {
            "type": list(kinds if item.must_be_sent else (*kinds, "null")),
            "examples": [_example(item)],
        }
    if item.default is not None:
        schema["default"] = item.default
    return _described(item, schema)


def _output_schema(item: Field) -> Schema:
    kinds = () if item.is_file else _TYPES[item.data_type]
    return _described(item, {"type": [*kinds, "null"]})


def _described(item: Field, schema: Schema) -> Schema:
    schema[DATA_TYPE] = item.data_type.value
    if item.description:
        schema["description"] = item.description
    return schema


def _example(item: SentInput) -> Json:
    return _EXAMPLES[item.data_type] if item.default is None else item.default
