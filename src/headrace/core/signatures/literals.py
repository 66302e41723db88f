"""Values that are written in code as they are."""

from __future__ import annotations

import ast

from headrace.core.values import Json


def literal(node: ast.expr) -> Json:
    """Return the JSON value that an expression writes out; tuples are arrays.

    Raises:
        ValueError: It is no such value: it has to be computed.
    """
    return _as_json(ast.literal_eval(node))


def _as_json(value: object) -> Json:
    if isinstance(value, list | tuple):
        return [_as_json(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: _as_json(item) for key, item in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(value)
