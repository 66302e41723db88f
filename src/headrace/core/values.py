"""Data types, and whether a value fits one (wire contract, 6.2)."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from headrace.core.errors import InvalidValue, TooLarge

MAX_VALUES_BYTES = 60_000
"""All non-file values of one run or call together, as JSON text (the contract's 0.06 MB)."""

Json = Any
"""What ``json.loads`` returns: None, bool, int, float, str, list, dict."""


class DataType(StrEnum):
    """The type of an input or output."""

    STRING = "string"
    NUMBER = "number"
    BOOLEAN = "boolean"
    JSON = "json"
    ARRAY = "array"
    FILE = "file"


class FileStore(StrEnum):
    """Where the bytes of a file are kept: with its execution, or in the user's data store."""

    ARTIFACTS = "artifacts"
    DATA_STORE = "data_store"


@dataclass(frozen=True, slots=True)
class FileValue:
    """A file that is the value of an input or output.

    Attributes:
        path: Path of the bytes in their store.
        filename: Base name that the file had where it came from.
        size: Bytes.
        store: Which store holds them.
    """

    path: str
    filename: str
    size: int
    store: FileStore = FileStore.ARTIFACTS


Value = Json | FileValue

_EXAMPLES = {
    DataType.STRING: '"text"',
    DataType.NUMBER: "1.5",
    DataType.BOOLEAN: "true",
    DataType.JSON: '{"key": "value"}',
    DataType.ARRAY: "[1, 2, 3]",
    DataType.FILE: "a file, sent as a multipart part",
}


def parse_data_type(text: object, where: str) -> DataType:
    """Return the data type that ``text`` names.

    Raises:
        InvalidValue: There is no such type; the message lists those there are.
    """
    try:
        return DataType(str(text))
    except ValueError:
        names = ", ".join(data_type.value for data_type in DataType)
        raise InvalidValue(
            f"{where} has the data type {text!r}; it must be one of {names}."
        ) from None


def describe(value: Json) -> str:
    """Return what kind of JSON value this is, with the value if it is short."""
    kind = {
        type(None): "null",
        bool: "a boolean",
        int: "a number",
        float: "a number",
        str: "a string",
        list: "an array",
        dict: "an object",
    }.get(type(value), type(value).__name__)
    if value is None:
        return kind
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError):
        return kind
    return f"{kind}: {text}" if len(text) <= 60 else f"{kind}: {text[:57]}..."


def fits(value: Json, data_type: DataType) -> bool:
    """Tell whether a JSON value that is not null may be a value of this type.

    A boolean is no number; ``json`` accepts every JSON value; no JSON value is a file.
    NaN and the infinities are no JSON, so they fit nothing, at any depth.
    """
    if not _is_json(value):
        return False
    match data_type:
        case DataType.STRING:
            return isinstance(value, str)
        case DataType.NUMBER:
            return isinstance(value, int | float) and not isinstance(value, bool)
        case DataType.BOOLEAN:
            return isinstance(value, bool)
        case DataType.ARRAY:
            return isinstance(value, list)
        case DataType.JSON:
            return True
        case DataType.FILE:
            return False


def check_value(value: Json, data_type: DataType, where: str) -> Json:
    """Return ``value`` if it fits, with ``where`` naming it in the message if not.

    Raises:
        InvalidValue: It does not fit; the message says what came, what is expected, and an example.
    """
    if not fits(value, data_type):
        raise InvalidValue(
            f"{where} must be of type {data_type.value} (for example {_EXAMPLES[data_type]}), "
            f"but is {describe(value)}."
        )
    return value


def value_from_text(text: str, data_type: DataType, where: str) -> Json:
    """Read a value of the given type from text, as an environment variable or the CLI gives it.

    Raises:
        InvalidValue: The text is not such a value.
    """
    if data_type is DataType.STRING:
        return text
    stripped = text.strip()
    if data_type is DataType.BOOLEAN and stripped.lower() in {"true", "false"}:
        return stripped.lower() == "true"
    try:
        value = json.loads(stripped, parse_constant=_refuse_constant)
    except ValueError:
        raise InvalidValue(
            f"{where} must be of type {data_type.value} (for example {_EXAMPLES[data_type]}), "
            f"but its text is {describe(text)}."
        ) from None
    return check_value(value, data_type, where)


def check_total_size(values: dict[str, Json]) -> None:
    """Refuse values that are together larger than the contract allows.

    Raises:
        TooLarge: With the size found, the limit, and what to do instead.
    """
    size = len(json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode())
    if size > MAX_VALUES_BYTES:
        raise TooLarge(
            f"The input values are {size:,} bytes of JSON together; at most {MAX_VALUES_BYTES:,} "
            "are allowed. Send large data as a file input, or by the data store.",
            details={"size": size, "limit": MAX_VALUES_BYTES},
        )


def _refuse_constant(name: str) -> Json:
    raise ValueError(name)


def _is_json(value: Json) -> bool:
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, float) and not math.isfinite(item):
            return False
        if isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, dict):
            if not all(isinstance(key, str) for key in item):
                return False
            stack.extend(item.values())
        elif item is not None and not isinstance(item, bool | int | float | str):
            return False
    return True
