"""Requests to run a pipeline, from the text fields of their form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from headrace.core.destinations import OutputDestination
from headrace.core.errors import InvalidRequest
from headrace.core.sources import InputSource
from headrace.core.values import Json
from headrace.wire.codec import decode, decode_object
from headrace.wire.forms import short
from headrace.wire.mappings import read_input_mapping, read_output_mapping

T = TypeVar("T")

_KEYS = ("json_inputs", "inputs_mapping", "outputs_mapping")


@dataclass(frozen=True, slots=True)
class RunRequest:
    """A request to run a pipeline, without its files.

    Attributes:
        values: Input values by name, of all types but file.
        inputs_mapping: Sources of the inputs that the caller does not send, by input name.
        outputs_mapping: Destinations of the outputs that go elsewhere, by output name.
    """

    values: dict[str, Json]
    inputs_mapping: tuple[tuple[str, InputSource], ...] = ()
    outputs_mapping: tuple[tuple[str, OutputDestination], ...] = ()


def read_run_form(pairs: Iterable[tuple[str, str]]) -> RunRequest:
    """Return the run request that the text fields of a form stand for (wire contract, 5.3).

    Raises:
        InvalidRequest: A field is unknown, comes twice, or is not the JSON that it must be.
        InvalidMapping: An element of a mapping is not of the contract's form.
    """
    found: dict[str, str] = {}
    for name, text in pairs:
        check_run_field(name)
        if name in found:
            raise InvalidRequest(f"The form has the field {name} twice; send it once.")
        found[name] = text
    return RunRequest(
        values=decode_object(found.get("json_inputs", ""), "json_inputs"),
        inputs_mapping=_mapping(found, "inputs_mapping", read_input_mapping),
        outputs_mapping=_mapping(found, "outputs_mapping", read_output_mapping),
    )


def check_run_field(name: str) -> bool:
    """Return True if a run request has a field of this name.

    Raises:
        InvalidRequest: It has none.
    """
    if name not in _KEYS:
        raise InvalidRequest(
            f"The form has the unknown field {short(name)}; the fields are "
            f"{', '.join(_KEYS)}. The value of an input goes into json_inputs, and a file "
            "must be sent as a file part, with a filename."
        )
    return True


def _mapping(
    found: Mapping[str, str], key: str, read: Callable[[object], tuple[str, T]]
) -> tuple[tuple[str, T], ...]:
    text = found.get(key, "")
    items = decode(text, key) if text.strip() else []
    if not isinstance(items, list):
        raise InvalidRequest(f"{key} must be a JSON array of mapping objects, such as [].")
    return tuple(read(item) for item in items)
