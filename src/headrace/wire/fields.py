"""Fields of a decoded request tree: read as what they must be, or refused by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headrace.core.errors import InvalidRequest, InvalidValue
from headrace.core.numbers import is_whole_number
from headrace.wire.forms import FormText, short

_SHOWN = 20


def flag_or_none(value: Any, where: str) -> Any:
    """Return a flag of a form as the boolean it names, an empty one as None, all else as it is.

    Raises:
        InvalidValue: A form's text is neither ``true`` nor ``false``, in whatever case.
    """
    if not isinstance(value, FormText):
        return value
    if value.lower() in {"true", "false", ""}:
        return value.lower() == "true" if value else None
    raise InvalidValue(f"{where} must be true or false, not {short(value)}.")


def flag_of(fields: Mapping[str, Any], key: str) -> bool:
    """Return a flag of a form or a JSON object; one that is not there is False.

    Raises:
        InvalidValue: It is neither true nor false.
    """
    flag = flag_or_none(fields.get(key), key)
    if flag is not None and not isinstance(flag, bool):
        raise InvalidValue(f"{key} must be true or false, not {short(str(flag))}.")
    return bool(flag)


MAX_VERSION = 2**31 - 1
"""Greatest number of a version."""


def read_version(value: object, key: str = "version") -> int | None:
    """Return the number of a version; None for ``current`` and for nothing.

    Raises:
        InvalidRequest: It is no number of a version.
    """
    if value is None or value == "current":
        return None
    is_text = isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20
    number = int(str(value)) if is_whole_number(value) or is_text else 0
    if not 1 <= number <= MAX_VERSION:
        raise InvalidRequest(
            f"{key} must be the number of a version, such as 3, or current, not {value!r:.80}."
        )
    return number


def object_of(item: object, where: str, known: tuple[str, ...]) -> dict[str, Any]:
    """Return ``item`` if it is an object with no other keys than the known ones.

    Raises:
        InvalidRequest: It is not.
    """
    if not isinstance(item, dict):
        raise InvalidRequest(f"{where} must be an object with the keys {', '.join(known)}.")
    refuse_unknown(item, known, where)
    return item


def refuse_unknown(found: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    """Refuse keys that nobody would read.

    Raises:
        InvalidRequest: There are some; the message names them and those that are known.
    """
    unknown = [key for key in found if key not in known]
    if unknown:
        shown = ", ".join(short(key) for key in unknown[:_SHOWN])
        raise InvalidRequest(
            f"{where} has the unknown key {shown}; the keys are {', '.join(known)}."
        )


def required_text(values: Mapping[str, Any], key: str, where: str) -> str:
    """Return the text under a key.

    Raises:
        InvalidRequest: There is none, it is empty, or it is no single text.
    """
    text = text_or_none(values.get(key), f"{where}[{key}]")
    if text is None:
        raise InvalidRequest(f"{where}[{key}] is missing.")
    return text


def text_or_none(value: object, where: str) -> str | None:
    """Return a text, or None for null and for the empty text, which a form cannot tell apart.

    Raises:
        InvalidRequest: It is neither.
    """
    if value is not None and not isinstance(value, str):
        raise InvalidRequest(f"{where} must be a single text.")
    return str(value) if value else None


def texts_or_none(value: object, where: str) -> tuple[str, ...] | None:
    """Return a list of texts without its empty ones, or None for null and the empty text.

    Raises:
        InvalidRequest: It is neither.
    """
    if value is None or value == "":
        return None
    if not isinstance(value, list):
        raise InvalidRequest(f"{where} must be a list of texts; in a form, {where}[0] and so on.")
    # The client leaves empty entries out of the archive, so they mean nothing here either.
    texts = (text_or_none(item, f"{where}[{index}]") for index, item in enumerate(value))
    return tuple(text for text in texts if text)
