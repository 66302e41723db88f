"""Default values that came through a form, where every leaf is a text: their types, guessed."""

from __future__ import annotations

import ast
import math
import re
from typing import Any

from headrace.core.errors import InvalidRequest, InvalidValue
from headrace.core.values import MAX_VALUES_BYTES, DataType, Json, value_from_text
from headrace.wire.codec import decode
from headrace.wire.forms import MAX_DEPTH, FormText

# Longer numbers than this are no numbers that anybody sent, and slow to convert.
_MAX_DIGITS = 400
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")

# Only what repr() makes of JSON-like values goes to the Python parser: no operators, no calls, no
# unknown escapes. Each group is atomic, so that a text which does not match fails in linear time.
_REPR = re.compile(
    r"""(?>
        [\[\](){},:\ ]
      | True | False | None
      | -?[0-9]++(?:\.[0-9]++)?+(?:e[+-]?[0-9]++)?+
      | '(?>[^'\\\n]|\\[\\'nrt]|\\x[0-9a-f]{2}|\\u(?!d[89a-f])[0-9a-f]{4}|\\U000?[0-9a-f]{5})*+'
      | "(?>[^"\\\n]|\\[\\'nrt]|\\x[0-9a-f]{2}|\\u(?!d[89a-f])[0-9a-f]{4}|\\U000?[0-9a-f]{5})*+"
    )++""",
    re.VERBOSE,
)


def default_value(tree: Any, data_type: DataType, where: str) -> Json:
    """Return the default value that ``tree`` stands for, or None for no default.

    Leaves that are a :class:`FormText` are read as ``data_type`` says. Inside ``json`` and
    ``array`` nothing says what a leaf was, so it is guessed: ``True`` and ``False`` are booleans, a
    numeric text is a number, an empty one is null, the repr of a list or dict is that, all others
    are strings. So the string ``"1"`` inside a JSON default arrives as the number ``1``, unless
    the request is sent as JSON: leaves of any other class are left as they are. ``where`` names the
    default in messages. Whether the value fits its type is for :class:`~headrace.core.parameters`
    to say.

    Raises:
        InvalidValue: A text cannot be read as its type, or the value is nested too deeply.
    """
    if isinstance(tree, FormText):
        return _scalar(tree, data_type, where)
    return _typed(tree, where)


def _scalar(text: FormText, data_type: DataType, where: str) -> Json:
    if data_type is DataType.STRING:
        return str(text)
    if not text:
        return None
    if data_type in {DataType.NUMBER, DataType.BOOLEAN}:
        return value_from_text(str(text), data_type, where)
    if data_type is DataType.FILE:
        return str(text)
    try:
        return _typed(decode(str(text), where), where)
    except InvalidValue:
        raise
    except InvalidRequest:
        return _typed(text, where)


def _typed(tree: Any, where: str, depth: int = 0) -> Json:
    if depth > MAX_DEPTH:
        raise InvalidValue(f"{where} is nested too deeply; at most {MAX_DEPTH} levels are read.")
    if isinstance(tree, FormText):
        return _guessed(str(tree), where)
    if isinstance(tree, list | tuple):
        return [_typed(item, where, depth + 1) for item in tree]
    if isinstance(tree, dict):
        return {str(key): _typed(item, where, depth + 1) for key, item in tree.items()}
    return tree


def _guessed(text: str, where: str) -> Json:
    if not text:
        return None
    if text in {"True", "False"}:
        return text == "True"
    if _NUMBER.fullmatch(text):
        return _number(text)
    if text[0] in "[({" and len(text) <= MAX_VALUES_BYTES:
        return _nested(text, where)
    return text


def _number(text: str) -> Json:
    if len(text) > _MAX_DIGITS:
        return text
    if text.removeprefix("-").isdigit():
        return int(text)
    number = float(text)
    return number if math.isfinite(number) else text


def _nested(text: str, where: str) -> Json:
    """Return the list or dict that a text is the JSON or the repr of, else the text."""
    try:
        return _typed(decode(text, where), where)
    except InvalidValue:
        raise
    except InvalidRequest:
        pass
    if not _REPR.fullmatch(text):
        return text
    try:
        value = ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return text
    return _typed(value, where) if isinstance(value, list | tuple | dict) else text
