"""JSON text to values and back: the only module that knows msgspec."""

from __future__ import annotations

from typing import Any

import msgspec

from headrace.core.errors import InvalidRequest

_encoder = msgspec.json.Encoder()


def encode(value: Any) -> bytes:
    """Return ``value`` as JSON. NaN and the infinities become null."""
    return _encoder.encode(value)


def decode(text: bytes | str, what: str) -> Any:
    """Return the value of a JSON text that a caller sent; ``what`` names it in the message.

    Raises:
        InvalidRequest: It is no JSON; the message says where.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"{what} is not valid JSON: {error}.") from None


def decode_object(text: bytes | str, what: str) -> dict[str, Any]:
    """Return the JSON object of a text that a caller sent; nothing at all means ``{}``.

    Raises:
        InvalidRequest: It is no JSON object.
    """
    value = decode(text, what) if text.strip() else {}
    if not isinstance(value, dict):
        raise InvalidRequest(f"{what} must be a JSON object, such as {{}}.")
    return value
