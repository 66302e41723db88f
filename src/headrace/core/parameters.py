"""The typed inputs and outputs that a pipeline declares."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from headrace.core.errors import InvalidRequest, InvalidValue
from headrace.core.names import check_name, check_parameter_name
from headrace.core.values import DataType, Json, check_value, parse_data_type

MAX_PARAMETERS = 200


@dataclass(frozen=True)
class Input:
    """An input of a pipeline: a parameter of its function.

    Attributes:
        name: The parameter's name in the Python function.
        data_type: One of ``string, number, boolean, json, array, file``.
        description: Free text, or None.
        is_required: Whether an execution needs a value, from the caller or from ``default_value``.
            None means False.
        default_value: The value used when the caller gives none; of the input's type. A file input
            has no default. Without one, the default of the function's own parameter holds.

    Raises:
        InvalidName: The name cannot be a parameter of a function.
        InvalidValue: The type does not exist, or the default does not fit it.
    """

    name: str
    data_type: DataType
    description: str | None = None
    is_required: bool | None = None
    default_value: Json = None

    def __init__(
        self,
        name: str,
        data_type: str,
        description: str | None = None,
        is_required: bool | None = None,
        default_value: Any = None,
    ) -> None:
        where = f"input {name!r}"
        kind = parse_data_type(data_type, where)
        if default_value is not None:
            check_value(default_value, kind, f"the default value of {where}")
        if is_required is not None and not isinstance(is_required, bool):
            raise InvalidValue(
                f"is_required of {where} must be true or false, not {is_required!r}."
            )
        object.__setattr__(self, "name", check_parameter_name(name, "the input name"))
        object.__setattr__(self, "data_type", kind)
        object.__setattr__(self, "description", _text_or_none(description, where))
        object.__setattr__(self, "is_required", is_required)
        object.__setattr__(self, "default_value", default_value)


@dataclass(frozen=True)
class Output:
    """An output of a pipeline: a key of the dict that its function returns.

    Attributes:
        name: The key.
        data_type: One of ``string, number, boolean, json, array, file``.
        description: Free text, or None.

    Raises:
        InvalidName: The name breaks the rule for names.
        InvalidValue: The type does not exist.
    """

    name: str
    data_type: DataType
    description: str | None = None

    def __init__(self, name: str, data_type: str, description: str | None = None) -> None:
        where = f"output {name!r}"
        object.__setattr__(self, "data_type", parse_data_type(data_type, where))
        object.__setattr__(self, "name", check_name(name, "the output name"))
        object.__setattr__(self, "description", _text_or_none(description, where))


def check_parameters(inputs: Sequence[Input], outputs: Sequence[Output]) -> None:
    """Refuse parameters that cannot stand together.

    Raises:
        InvalidRequest: Two inputs or two outputs share a name, or there are more than
            :data:`MAX_PARAMETERS`.
    """
    for noun, names in (
        ("input", [parameter.name for parameter in inputs]),
        ("output", [parameter.name for parameter in outputs]),
    ):
        doubled = sorted(name for name, count in Counter(names).items() if count > 1)
        if doubled:
            raise InvalidRequest(
                f"Each {noun} needs a name of its own; doubled: {', '.join(doubled)}."
            )
        if len(names) > MAX_PARAMETERS:
            raise InvalidRequest(
                f"A pipeline has at most {MAX_PARAMETERS} {noun}s; {len(names)} were declared."
            )


def _text_or_none(text: object, where: str) -> str | None:
    if text is not None and not isinstance(text, str):
        raise InvalidValue(f"The description of {where} must be a text.")
    return text or None
