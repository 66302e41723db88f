"""``InputSource`` and ``OutputDestination``: the mappings as users write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

from headrace.core.errors import InvalidMapping
from headrace.wire.mappings import read_input_mapping, read_output_mapping


@dataclass(frozen=True, slots=True)
class InputSource:
    """Where the value of an input comes from; exactly one source is given.

    Attributes:
        pipeline_input_name: The input that is mapped.
        endpoint_input_name: It is sent by the caller of the endpoint, under this name.
        environment_variable_name: It is the environment variable's value when the execution starts.
        is_required: Whether the caller of the endpoint must send it; with ``endpoint_input_name``.
        default_value: The value when the caller does not; with ``endpoint_input_name``.
        constant_value: It is always this value (a null constant is ``is_null=True``).
        is_null: True: the function receives None.
        datastore_path: It is this file of the data store; for inputs of type file.
        step_input_name: The same as ``pipeline_input_name``.

    Raises:
        InvalidMapping: No input or no source is given, or more than one.
        InvalidName: A name breaks the rule for names.
        InvalidRequest: The path leaves the data store.
    """

    pipeline_input_name: str | None = None
    endpoint_input_name: str | None = None
    environment_variable_name: str | None = None
    is_required: bool | None = None
    default_value: Any = None
    constant_value: Any = None
    is_null: bool | None = None
    datastore_path: str | None = None
    _: KW_ONLY
    step_input_name: str | None = None

    def __post_init__(self) -> None:
        read_input_mapping(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Return the mapping as the contract's object, without what was not given."""
        return _given(
            pipeline_input_name=self.pipeline_input_name,
            step_input_name=self.step_input_name,
            endpoint_input_name=self.endpoint_input_name,
            environment_variable_name=self.environment_variable_name,
            is_required=self.is_required,
            default_value=self.default_value,
            constant_value=self.constant_value,
            is_null=self.is_null or None,
            datastore_path=self.datastore_path,
        )


@dataclass(frozen=True, slots=True)
class OutputDestination:
    """Where the value of an output goes; exactly one destination is given.

    Attributes:
        pipeline_output_name: The output that is mapped.
        endpoint_output_name: It is returned to the caller of the endpoint, under this name.
        is_null: True: the value is dropped.
        datastore_path: It becomes this file of the data store; for outputs of type file. The path
            may hold ``{execution_id}``, ``{date}`` and ``{date_time}``.
        step_output_name: The same as ``pipeline_output_name``.

    Raises:
        InvalidMapping: No output or no destination is given, or more than one.
        InvalidName: A name breaks the rule for names.
        InvalidRequest: The path leaves the data store or holds an unknown pattern.
    """

    pipeline_output_name: str | None = None
    endpoint_output_name: str | None = None
    is_null: bool | None = None
    datastore_path: str | None = None
    _: KW_ONLY
    step_output_name: str | None = None

    def __post_init__(self) -> None:
        read_output_mapping(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Return the mapping as the contract's object, without what was not given."""
        return _given(
            pipeline_output_name=self.pipeline_output_name,
            step_output_name=self.step_output_name,
            endpoint_output_name=self.endpoint_output_name,
            is_null=self.is_null or None,
            datastore_path=self.datastore_path,
        )


def mapping_objects(
    mapping: Iterable[object], kind: type[InputSource | OutputDestination], argument: str
) -> list[dict[str, Any]]:
    """Return the wire form of a user's list of mappings; ``argument`` names it in the message.

    Raises:
        InvalidMapping: It is no list of ``kind``.
    """
    items = list(mapping) if isinstance(mapping, list | tuple) else [None]
    if not all(isinstance(item, kind) for item in items):
        raise InvalidMapping(f"{argument} must be a list of {kind.__name__} objects.")
    return [item.to_dict() for item in items if isinstance(item, kind)]


def connection_text(item: Mapping[str, Any]) -> str:
    """Return an element of a mapping as it is written on the command line."""
    if "endpoint_input_name" in item:
        return f"endpoint:{item['endpoint_input_name']}{'!' if item.get('is_required') else ''}"
    for key, kind in (
        ("endpoint_output_name", "endpoint"),
        ("constant_value", "constant"),
        ("environment_variable_name", "env"),
        ("datastore_path", "store"),
    ):
        if key in item:
            return f"{kind}:{item[key]}"
    return "null"


def input_name(item: InputSource) -> str | None:
    """Return the input that is mapped, by whichever of its names."""
    return item.pipeline_input_name or item.step_input_name


def output_name(item: OutputDestination) -> str | None:
    """Return the output that is mapped, by whichever of its names."""
    return item.pipeline_output_name or item.step_output_name


def _given(**fields: Any) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}
