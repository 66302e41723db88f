"""Data types, and whether a value fits one (wire contract, 6.2)."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from headrace.core.absence import Absent
from headrace.core.errors import InvalidValue, TooLarge
from headrace.core.numbers import is_number

MAX_VALUES_BYTES = 60_000
"""All non-file inputs of one run or call together, as JSON text (the contract's 0.06 MB), unless
the server is set to another size."""

MAX_OUTPUT_BYTES = 16 * 2**20
"""All non-file outputs of one execution together, as JSON text, unless the server is set to another
size."""

MAX_DEPTH = 200
"""Arrays and objects inside one another in a value; every JSON reader in the way takes as many."""

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


class JsonText:
    """A large JSON value as its text, which goes from user code to the caller without being read.

    No dataclass, which an encoder would take for an object with the key ``text``.

    Attributes:
        text: Valid JSON, as the process of the user's code wrote it.
    """

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return f"JsonText({self.text[:40]!r})"

    def value(self) -> Json:
        """Return the value, taken apart."""
        return json.loads(self.text)

    def may_be(self, data_type: DataType) -> bool:
        """Check whether it is of a type, which the first character of JSON tells."""
        begins = _BEGINNINGS.get(data_type)
        return begins is None or self.text[0] in begins


_BEGINNINGS = {
    DataType.STRING: '"',
    DataType.NUMBER: "-0123456789",
    DataType.BOOLEAN: "tf",
    DataType.ARRAY: "[",
    DataType.FILE: "",
}

Value = Json | FileValue | JsonText | Absent

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
    """Return the kind of a JSON value, with the value if it is short."""
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
    if isinstance(value, JsonText):
        return f"JSON that begins with {value.text[:20]}"
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):
        return kind
    short = text if len(text) <= 60 else f"{text[:57]}..."
    # Half of a surrogate pair can be in a string of Python's, but not in a message.
    return f"{kind}: {short.encode('utf-8', 'backslashreplace').decode()}"


def fits(value: Json, data_type: DataType) -> bool:
    """Check whether a JSON value that is not null may be a value of this type.

    A boolean is no number; ``json`` accepts every JSON value; no JSON value is a file.
    NaN, the infinities and texts that are not Unicode are no JSON, so they fit nothing, at any
    depth; nor does what is deeper than :data:`MAX_DEPTH`.
    """
    # Most values are this, and need no look at what they are made of.
    if type(value) is int and data_type is DataType.NUMBER:
        return True
    if isinstance(value, JsonText):
        return value.may_be(data_type)
    if not _is_json(value):
        return False
    return _IS_OF_TYPE[data_type](value)


_IS_OF_TYPE: dict[DataType, Callable[[Json], bool]] = {
    DataType.STRING: lambda value: isinstance(value, str),
    DataType.NUMBER: is_number,
    DataType.BOOLEAN: lambda value: isinstance(value, bool),
    DataType.ARRAY: lambda value: isinstance(value, list),
    DataType.JSON: lambda _: True,
    DataType.FILE: lambda _: False,
}


def check_value(value: Json, data_type: DataType, where: str) -> Json:
    """Return ``value`` if it fits, with ``where`` naming it in the message if not.

    Raises:
        InvalidValue: It does not fit; the message says what came, what is expected, and an example.
    """
    if not fits(value, data_type):
        if _is_too_deep(value):
            raise InvalidValue(
                f"{where} is nested too deeply: at most {MAX_DEPTH} arrays and objects can be "
                "inside one another."
            )
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
    except (ValueError, RecursionError):
        raise InvalidValue(
            f"{where} must be of type {data_type.value} (for example {_EXAMPLES[data_type]}), "
            f"but its text is {describe(text)}."
        ) from None
    return check_value(value, data_type, where)


def check_total_size(values: dict[str, Json], limit: int = MAX_VALUES_BYTES) -> None:
    """Refuse input values that are together larger than a server takes.

    Raises:
        TooLarge: With the size found, the limit, and what to do instead.
        InvalidValue: One is nested too deeply to be written as JSON.
    """
    for name, value in values.items():
        if _is_too_deep(value):
            check_value(value, DataType.JSON, f"input {name!r}")
    size = len(json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode())
    if size > limit:
        raise TooLarge(
            f"The input values are {size:,} bytes of JSON together; at most {limit:,} "
            "are allowed. Send large data as a file input, or by the data store.",
            details={"size": size, "limit": limit},
        )


def _refuse_constant(name: str) -> Json:
    raise ValueError(name)


def _is_json(value: Json) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        inner: list[Json] = []
        for item in level:
            if isinstance(item, list):
                inner.extend(item)
            elif isinstance(item, dict):
                if not all(isinstance(key, str) for key in item):
                    return False
                inner.extend(item)
                inner.extend(item.values())
            elif not _is_scalar(item):
                return False
        if not inner:
            return True
        level = inner
    return all(_is_scalar(item) for item in level)


def _is_scalar(item: Json) -> bool:
    if isinstance(item, str):
        return item.isascii() or _is_unicode(item)
    if isinstance(item, float):
        return math.isfinite(item)
    return item is None or isinstance(item, bool | int)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_too_deep(value: Json) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for item in level
            if isinstance(item, list | dict)
            for inner in (item if isinstance(item, list) else item.values())
        ]
        if not level:
            return False
    return any(isinstance(item, list | dict) for item in level)
