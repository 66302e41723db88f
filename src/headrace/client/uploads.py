"""The inputs of a run: which go as JSON and which as files."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from headrace.client.messages import FilePart, Reading, base_name
from headrace.core.errors import InvalidValue


def values_text(inputs: Mapping[str, Any]) -> str:
    """Return the inputs that are no files as the text of one JSON object.

    Raises:
        InvalidValue: A value is no JSON; the message names the input.
    """
    parts = [f"{json.dumps(str(name))}: {value_text(name, inputs[name])}" for name in inputs]
    return "{" + ", ".join(parts) + "}"


def value_text(name: str, value: Any) -> str:
    """Return one input that is no file as JSON text.

    Raises:
        InvalidValue: The value is no JSON; the message names the input.
    """
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidValue(f"input {name!r} cannot be sent as JSON: {error}.") from None


def is_file(value: object) -> bool:
    """Check whether a value is sent as a file where types are not known.

    That are bytes, what can be read, and paths, but not texts, which may be values.
    """
    is_content = isinstance(value, bytes | bytearray | memoryview) or hasattr(value, "read")
    return is_content or isinstance(value, os.PathLike)


def file_part(name: str, value: object, opened: ExitStack) -> FilePart:
    """Return the part that sends a file input.

    Args:
        name: The input.
        value: A path (str or ``os.PathLike``), bytes, or a readable binary object. One that can
            seek is sent from its beginning.
        opened: Closes the file if this function opened one.

    Raises:
        InvalidValue: It is none of these, or the file cannot be read.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        return FilePart(name, name, bytes(value))
    if isinstance(value, str | Path) or hasattr(value, "__fspath__"):
        try:
            file = opened.enter_context(Path(value).open("rb"))  # noqa: SIM115 - the stack closes it
        except (OSError, TypeError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InvalidValue(
                f"input {name!r}: {str(value)!r} cannot be read: {reason}."
            ) from None
        return FilePart(name, base_name(value) or name, Reading(file))
    return FilePart(name, base_name(getattr(value, "name", None)) or name, _binary(name, value))


def _binary(name: str, value: Any) -> Reading:
    read = getattr(value, "read", None)
    if read is None:
        raise InvalidValue(
            f"input {name!r} is a file: give a path, bytes or a readable binary object, "
            f"not {type(value).__name__}."
        )
    try:
        is_binary = isinstance(read(0), bytes)
    except (OSError, TypeError, ValueError) as error:
        raise InvalidValue(f"input {name!r} cannot be read: {error}.") from None
    if not is_binary:
        raise InvalidValue(f"input {name!r} is a file open as text: open it with mode 'rb'.")
    return Reading(value)
