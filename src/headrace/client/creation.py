"""The form that creates a pipeline (wire contract, 3)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

from headrace.core.errors import InvalidRequest
from headrace.core.names import check_name
from headrace.core.parameters import Input, Output, check_parameters
from headrace.core.values import DataType

Fields = tuple[tuple[str, str], ...]

CONFIG_TEXTS = (
    "language",
    "repository_url",
    "repository_branch",
    "repository_deploy_key",
    "requirements_path",
    "dockerfile_path",
)
CONFIG_LISTS = ("included_folders", "system_dependencies")


class CREATION_PARAMETER_VALUE(Enum):  # noqa: N801 - the name that users of the contract know
    """Special values of the keys of ``container_config``."""

    FALLBACK_PROJECT = "FALLBACK_PROJECT"
    """The project's setting, as if the key were not given."""

    NULL = "NULL"
    """Nothing, even if the project has a setting."""


def explicit(config: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the keys of a ``container_config`` that do not fall back on the project.

    The special values are gone: null is None.

    Raises:
        InvalidRequest: A key is unknown, or a value is of the wrong type.
    """
    known = ("local_folder", *CONFIG_TEXTS, *CONFIG_LISTS)
    unknown = sorted(set(config or {}) - set(known))
    if unknown:
        raise InvalidRequest(
            f"container_config has the unknown key {', '.join(unknown)}; "
            f"the keys are {', '.join(known)}."
        )
    found: dict[str, Any] = {}
    for key, value in (config or {}).items():
        if value is CREATION_PARAMETER_VALUE.FALLBACK_PROJECT:
            continue
        found[key] = None if value is CREATION_PARAMETER_VALUE.NULL else _checked(key, value)
    return found


def local_folder(config: Mapping[str, Any]) -> Path | None:
    """Return the local folder that a pipeline is made from, if it is.

    Raises:
        InvalidRequest: A repository is named as well.
    """
    folder = config.get("local_folder")
    if folder is None:
        return None
    repository = [key for key in CONFIG_TEXTS if key.startswith("repository") and config.get(key)]
    if repository:
        raise InvalidRequest(
            f"container_config has both local_folder and {', '.join(repository)}: "
            "a pipeline comes from one or the other."
        )
    return Path(folder)


def creation_fields(
    *,
    pipeline_name: str,
    function_path: str | None,
    function_name: str | None,
    description: str | None,
    config: Mapping[str, Any],
    inputs: Sequence[Input],
    outputs: Sequence[Output],
) -> Fields:
    """Return the fields of the form; ``config`` comes from :func:`explicit`.

    Raises:
        InvalidRequest: The name breaks the rule, or the parameters do not fit together.
    """
    _check_kind(inputs, Input, "inputs")
    _check_kind(outputs, Output, "outputs")
    check_parameters(inputs, outputs)
    fields = [("pipeline_name", check_name(pipeline_name, "pipeline_name"))]
    texts = {
        "function_path": function_path,
        "function_name": function_name,
        "description": description,
    }
    fields += [(key, text) for key, text in texts.items() if text is not None]
    for key, value in config.items():
        if key != "local_folder":
            fields += _config_fields(f"container_config[{key}]", value)
    for position, parameter in enumerate(inputs):
        fields += _parameter_fields(f"inputs[{position}]", parameter)
    for position, output in enumerate(outputs):
        fields += _parameter_fields(f"outputs[{position}]", output)
    for key, text in fields:
        _check_characters(key, text)
    return tuple(fields)


def what_runs(parameters: Mapping[str, Any]) -> str:
    """Return what a pipeline runs: a function with its file, or the command of a Dockerfile."""
    if parameters["function_name"]:
        return f"{parameters['function_path']}:{parameters['function_name']}"
    return f"the command of {parameters['container_config']['dockerfile_path']}"


def parameter_text(item: Mapping[str, Any]) -> str:
    """Return a declared input or output as it is written on the command line."""
    required = "!" if item.get("is_required") else ""
    default = item.get("default_value")
    text = "" if default is None else f"={_default_text(default, DataType(item['data_type']))}"
    return f"{item['name']}:{item['data_type']}{required}{text}"


def _check_characters(key: str, text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InvalidRequest(f"{key} {text!r} holds bytes that are not UTF-8 text.") from None


def _checked(key: str, value: Any) -> Any:
    if value is None:
        return None
    if key in CONFIG_LISTS:
        if not isinstance(value, list | tuple) or not all(isinstance(i, str) for i in value):
            raise InvalidRequest(f"container_config[{key!r}] must be a list of texts.")
        return list(value)
    if key == "local_folder" and isinstance(value, Path):
        return str(value)
    if not isinstance(value, str):
        raise InvalidRequest(f"container_config[{key!r}] must be a text, not {value!r}.")
    return value


def _config_fields(key: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, list):
        return [(f"{key}[{position}]", item) for position, item in enumerate(value)]
    # An empty field is the contract's null.
    return [(key, value or "")]


def _parameter_fields(key: str, parameter: Input | Output) -> list[tuple[str, str]]:
    fields = [
        (f"{key}[name]", parameter.name),
        (f"{key}[data_type]", parameter.data_type.value),
    ]
    if parameter.description:
        fields.append((f"{key}[description]", parameter.description))
    if isinstance(parameter, Input):
        if parameter.is_required is not None:
            fields.append((f"{key}[is_required]", str(parameter.is_required).lower()))
        if parameter.default_value is not None:
            text = _default_text(parameter.default_value, parameter.data_type)
            fields.append((f"{key}[default_value]", text))
    return fields


def _default_text(value: Any, data_type: DataType) -> str:
    # JSON text keeps the types inside arrays and objects, which bracketed fields would lose.
    return value if data_type is DataType.STRING else json.dumps(value, ensure_ascii=False)


def _check_kind(items: Sequence[object], kind: type, argument: str) -> None:
    if not isinstance(items, list | tuple) or not all(isinstance(item, kind) for item in items):
        raise InvalidRequest(f"{argument} must be a list of {kind.__name__} objects.")
