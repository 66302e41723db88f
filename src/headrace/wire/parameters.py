"""The inputs and outputs that a request declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from headrace.core.errors import InvalidRequest
from headrace.core.parameters import Input, Output, check_parameters
from headrace.core.values import parse_data_type
from headrace.wire.fields import flag_or_none, object_of, required_text, text_or_none
from headrace.wire.typeless import default_value

T = TypeVar("T")

_INPUT_KEYS = ("name", "data_type", "description", "is_required", "default_value")
_OUTPUT_KEYS = ("name", "data_type", "description")
_SHOWN = 20


def read_parameters(tree: Mapping[str, Any]) -> tuple[tuple[Input, ...], tuple[Output, ...]]:
    """Return the inputs and outputs that a request declares.

    Raises:
        InvalidRequest: All that is wrong with them.
    """
    problems: list[InvalidRequest] = []
    inputs = _each_parameter(tree.get("inputs"), "inputs", _input, problems)
    outputs = _each_parameter(tree.get("outputs"), "outputs", _output, problems)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        shown = [problem.message for problem in problems[:_SHOWN]]
        more = f" (And {len(problems) - _SHOWN} more.)" if len(problems) > _SHOWN else ""
        raise InvalidRequest(" ".join(shown) + more, details={"problems": shown})
    check_parameters(inputs, outputs)
    return inputs, outputs


def _each_parameter(
    tree: object,
    key: str,
    read: Callable[[object, str], T],
    problems: list[InvalidRequest],
) -> tuple[T, ...]:
    if tree is None or tree == "":
        return ()
    if not isinstance(tree, list):
        problems.append(
            InvalidRequest(f"{key} must be a list; in a form, number it {key}[0], {key}[1]...")
        )
        return ()
    found: list[T] = []
    for index, item in enumerate(tree):
        try:
            found.append(read(item, f"{key}[{index}]"))
        except InvalidRequest as problem:
            problems.append(problem)
    return tuple(found)


def _input(item: object, where: str) -> Input:
    values = object_of(item, where, _INPUT_KEYS)
    name = required_text(values, "name", where)
    data_type = parse_data_type(required_text(values, "data_type", where), f"input {name!r}")
    return Input(
        name,
        data_type,
        description=text_or_none(values.get("description"), f"the description of input {name!r}"),
        is_required=flag_or_none(values.get("is_required"), f"is_required of input {name!r}"),
        default_value=default_value(
            values.get("default_value"), data_type, f"the default value of input {name!r}"
        ),
    )


def _output(item: object, where: str) -> Output:
    values = object_of(item, where, _OUTPUT_KEYS)
    name = required_text(values, "name", where)
    data_type = parse_data_type(required_text(values, "data_type", where), f"output {name!r}")
    return Output(
        name,
        data_type,
        text_or_none(values.get("description"), f"the description of output {name!r}"),
    )
