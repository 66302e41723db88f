"""Inputs and outputs: what may be declared."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.core.errors import InvalidName, InvalidRequest, InvalidValue
from headrace.core.parameters import MAX_PARAMETERS, Input, Output, check_parameters
from headrace.core.values import DataType

DEFAULTS: dict[str, Any] = {
    "string": "a",
    "number": 1.5,
    "boolean": False,
    "json": {"a": None},
    "array": [1],
}


@pytest.mark.parametrize("data_type", DataType)
@pytest.mark.parametrize("default", [*DEFAULTS.values(), None], ids=repr)
def test_a_default_is_of_the_declared_type(data_type: DataType, default: Any) -> None:
    own = default is None or default == DEFAULTS.get(data_type) or data_type is DataType.JSON
    if own:
        assert Input("x", data_type.value, default_value=default).default_value == default
        return
    with pytest.raises(InvalidValue, match="the default value of input 'x' must be of type"):
        Input("x", data_type.value, default_value=default)


def test_what_is_not_said_is_none() -> None:
    parameter = Input("x", "string", description="")
    assert (parameter.description, parameter.is_required, parameter.default_value) == (None,) * 3
    assert parameter.data_type is DataType.STRING
    assert Output("x", "file").description is None


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"name": "a b", "data_type": "string"}, InvalidName, "the input name 'a b'"),
        ({"name": "class", "data_type": "string"}, InvalidName, "'class'"),
        ({"name": "x", "data_type": "text"}, InvalidValue, "input 'x' has the data type 'text'"),
        ({"name": "x", "data_type": "string", "is_required": "yes"}, InvalidValue, "is_required"),
        ({"name": "x", "data_type": "string", "is_required": 1}, InvalidValue, "is_required"),
        ({"name": "x", "data_type": "string", "description": 1}, InvalidValue, "description"),
        ({"name": None, "data_type": "string"}, InvalidName, "the input name"),
    ],
)
def test_a_wrong_input_is_refused_by_name(
    arguments: dict[str, Any], error: type[Exception], said: str
) -> None:
    with pytest.raises(error, match=said):
        Input(**arguments)


def test_an_output_may_have_any_name_and_no_odd_one() -> None:
    assert Output("class-1.a", "number").name == "class-1.a"
    with pytest.raises(InvalidName, match="the output name"):
        Output("a/b", "number")
    with pytest.raises(InvalidValue, match="description of output 'x'"):
        Output("x", "number", ["a"])  # type: ignore[arg-type] # that is the claim


def test_doubled_names_are_named() -> None:
    inputs = [Input(name, "string") for name in ("b", "a", "b", "a", "c")]
    with pytest.raises(InvalidRequest, match=r"Each input .* doubled: a, b\."):
        check_parameters(inputs, [])
    with pytest.raises(InvalidRequest, match=r"Each output .* doubled: r\."):
        check_parameters([], [Output("r", "string"), Output("r", "number")])
    check_parameters([Input("x", "string")], [Output("x", "string")])


def test_there_is_a_greatest_number() -> None:
    inputs = [Input(f"x{number}", "string") for number in range(MAX_PARAMETERS + 1)]
    check_parameters(inputs[:-1], [])
    with pytest.raises(InvalidRequest, match=f"at most {MAX_PARAMETERS} inputs"):
        check_parameters(inputs, [])
