"""The values of a run's inputs, as they are written on the command line."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, BinaryIO

from headrace.core.errors import InvalidRequest, InvalidValue
from headrace.core.values import DataType, value_from_text

STANDARD_INPUT = "-"


def given_inputs(texts: list[str], types: dict[str, DataType]) -> dict[str, Any]:
    """Return the inputs of a run from its ``name=value`` texts.

    ``@path`` reads the value from a file, ``@-`` from stdin; ``@@`` begins a value that begins with
    ``@``. An input of type file takes ``path`` and ``@path`` alike.

    Raises:
        InvalidRequest: A text is not of that form, names no input, or does not fit its type.
    """
    values: dict[str, Any] = {}
    for text in texts:
        _check_characters(text)
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


def _check_characters(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        name = text.partition("=")[0]
        raise InvalidRequest(
            f"{name!r} is not UTF-8 text: its bytes can be given as {name}=@FILE to an input of "
            "type file."
        ) from None


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
        if path == STANDARD_INPUT:
            return sys.stdin.buffer.read().decode("utf-8")
        return Path(path).read_text("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidValue(
            f"input {name!r}: {path!r} is not UTF-8 text: {error.reason} at byte {error.start}."
        ) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidValue(f"input {name!r}: {path!r} cannot be read: {reason}.") from None
