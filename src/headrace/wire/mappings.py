"""Mappings on the wire: the flat objects of the contract, to sources and destinations and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.core import destinations, sources
from headrace.core.destinations import OutputDestination
from headrace.core.errors import InvalidMapping
from headrace.core.names import check_variable_name
from headrace.core.sources import InputSource

_INPUT_KINDS = (
    "endpoint_input_name",
    "constant_value",
    "environment_variable_name",
    "datastore_path",
    "is_null",
)
_OUTPUT_KINDS = ("endpoint_output_name", "datastore_path", "is_null")
_EXTRAS = ("is_required", "default_value")


def read_input_mapping(item: object) -> tuple[str, InputSource]:
    """Return the input's name and its source from one mapping object.

    ``pipeline_input_name`` and ``step_input_name`` mean the same; exactly one is given.

    Raises:
        InvalidMapping: The object is not of that form.
    """
    fields = _fields(item, "inputs_mapping", (*_INPUT_KINDS, *_EXTRAS))
    name = _parameter_name(fields, "input")
    kind = _only_kind(fields, _INPUT_KINDS, f"input {name!r}")
    if kind != "endpoint_input_name" and any(key in fields for key in _EXTRAS):
        raise InvalidMapping(
            f"input {name!r}: is_required and default_value go with endpoint_input_name alone."
        )
    value = fields[kind]
    match kind:
        case "endpoint_input_name":
            required = fields.get("is_required")
            if required is not None and not isinstance(required, bool):
                raise InvalidMapping(f"input {name!r}: is_required must be true or false.")
            return name, sources.endpoint_value(value, required, fields.get("default_value"))
        case "constant_value":
            return name, sources.Constant(value)
        case "environment_variable_name":
            return name, sources.EnvironmentVariable(check_variable_name(value, kind))
        case "datastore_path":
            return name, sources.data_store_file(value)
        case _:
            _check_null(value, f"input {name!r}")
            return name, sources.Null()


def read_output_mapping(item: object) -> tuple[str, OutputDestination]:
    """Return the output's name and its destination from one mapping object.

    Raises:
        InvalidMapping: The object is not of the contract's form.
    """
    fields = _fields(item, "outputs_mapping", _OUTPUT_KINDS)
    name = _parameter_name(fields, "output")
    kind = _only_kind(fields, _OUTPUT_KINDS, f"output {name!r}")
    value = fields[kind]
    match kind:
        case "endpoint_output_name":
            return name, destinations.endpoint_result(value)
        case "datastore_path":
            if not isinstance(value, str):
                raise InvalidMapping(f"output {name!r}: datastore_path must be a text.")
            return name, destinations.data_store_path(value)
        case _:
            _check_null(value, f"output {name!r}")
            return name, destinations.Nowhere()


def source_fields(source: InputSource) -> dict[str, Any]:
    """Return the keys that stand for a source in a mapping (wire contract, 5.4 and 5.5)."""
    match source:
        case sources.RunValue():
            return {"run_input_name": source.name}
        case sources.EndpointValue():
            extras = {"is_required": source.is_required, "default_value": source.default_value}
            return {"endpoint_input_name": source.name} | {
                key: value for key, value in extras.items() if value is not None
            }
        case sources.Constant():
            return {"constant_value": source.value}
        case sources.EnvironmentVariable():
            return {"environment_variable_name": source.name}
        case sources.DataStoreFile():
            return {"datastore_path": source.path}
        case _:
            return {"is_null": True}


def destination_fields(destination: OutputDestination) -> dict[str, Any]:
    """Return the keys that stand for a destination in a mapping."""
    match destination:
        case destinations.RunResult():
            return {"run_output_name": destination.name}
        case destinations.EndpointResult():
            return {"endpoint_output_name": destination.name}
        case destinations.DataStorePath():
            return {"datastore_path": destination.path}
        case _:
            return {"is_null": True}


def source_from(kind: str, fields: Mapping[str, Any]) -> InputSource:
    """Return the source that :func:`source_fields` described; for rows read back."""
    match kind:
        case "run":
            return sources.RunValue(fields["run_input_name"])
        case "endpoint":
            return sources.EndpointValue(
                fields["endpoint_input_name"],
                fields.get("is_required"),
                fields.get("default_value"),
            )
        case "constant":
            return sources.Constant(fields["constant_value"])
        case "environment_variable":
            return sources.EnvironmentVariable(fields["environment_variable_name"])
        case "datastore":
            return sources.DataStoreFile(fields["datastore_path"])
        case _:
            return sources.Null()


def destination_from(kind: str, fields: Mapping[str, Any]) -> OutputDestination:
    """Return the destination that :func:`destination_fields` described; for rows read back."""
    match kind:
        case "run":
            return destinations.RunResult(fields["run_output_name"])
        case "endpoint":
            return destinations.EndpointResult(fields["endpoint_output_name"])
        case "datastore":
            return destinations.DataStorePath(fields["datastore_path"])
        case _:
            return destinations.Nowhere()


def _fields(item: object, where: str, known: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(item, Mapping):
        raise InvalidMapping(f"Each element of {where} must be an object.")
    names = {"pipeline_input_name", "step_input_name", "pipeline_output_name", "step_output_name"}
    unknown = sorted(set(item) - set(known) - names - {"description", "data_type"})
    if unknown:
        raise InvalidMapping(
            f"{where} has the unknown key {', '.join(unknown)}; the keys are {', '.join(known)}."
        )
    # A null is a key that was left out, except that nothing else can say a null constant.
    return {key: value for key, value in item.items() if value is not None}


def _parameter_name(fields: Mapping[str, Any], noun: str) -> str:
    given = [
        fields[f"{era}_{noun}_name"]
        for era in ("pipeline", "step")
        if f"{era}_{noun}_name" in fields
    ]
    if len(given) != 1 or not isinstance(given[0], str):
        raise InvalidMapping(
            f"Each element of {noun}s_mapping names its {noun} once, with pipeline_{noun}_name "
            f"(or step_{noun}_name)."
        )
    return given[0]


def _only_kind(fields: Mapping[str, Any], kinds: tuple[str, ...], where: str) -> str:
    found = [kind for kind in kinds if kind in fields]
    if len(found) != 1:
        what = " and ".join(found) if found else "nothing"
        raise InvalidMapping(
            f"{where} is mapped to {what}: give exactly one of {', '.join(kinds)}."
        )
    return found[0]


def _check_null(value: object, where: str) -> None:
    if value is not True:
        raise InvalidMapping(f"{where}: is_null can only be true; leave it out otherwise.")
