"""Declared inputs and outputs as an answer has them; clients without the server use this too."""

from __future__ import annotations

from typing import Any

from headrace.core.parameters import Input, Output


def input_body(parameter: Input) -> dict[str, Any]:
    """Return a declared input."""
    return {
        "name": parameter.name,
        "data_type": parameter.data_type.value,
        "description": parameter.description,
        "is_required": bool(parameter.is_required),
        "default_value": parameter.default_value,
    }


def output_body(parameter: Output) -> dict[str, Any]:
    """Return a declared output."""
    return {
        "name": parameter.name,
        "data_type": parameter.data_type.value,
        "description": parameter.description,
    }
