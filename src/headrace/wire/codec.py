"""JSON text to values and back: the only module that knows msgspec."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import msgspec

from headrace.core.errors import InvalidRequest
from headrace.wire.forms import short

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

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
        if text[:3] == BYTE_ORDER_MARK or text[:1] == "\ufeff":
            raise InvalidRequest(f"{what} begins with a byte order mark: send UTF-8 without one.")
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRequest(f"{what} is not valid JSON: {error}.") from None


def decode_object(text: bytes | str, what: str) -> dict[str, Any]:
    """Return the JSON object of a text that a caller sent; nothing at all means ``{}``.

    Raises:
        InvalidRequest: It is no JSON object, or has a name twice. Of objects inside it the last
            value of a name counts.
    """
    value = decode(text, what) if text.strip() else {}
    if not isinstance(value, dict):
        raise InvalidRequest(f"{what} must be a JSON object, such as {{}}.")
    data = text.encode() if isinstance(text, str) else text
    # Each name is followed by a colon. With more of them, one may be there twice.
    if data.count(b":") > len(value):
        _refuse_doubled(data, value, what)
    return value


def _refuse_doubled(data: bytes, value: dict[str, Any], what: str) -> None:
    """Refuse an object that has a name twice, of which the decoder has kept the last."""
    if b"\\" not in data and all(data.count(b'"%b"' % name.encode()) == 1 for name in value):
        return
    try:
        names = [name for name, _ in json.loads(data, object_pairs_hook=_Pairs, parse_int=str)]
    except RecursionError:
        # Deeper than any value may be, which is for others to say.
        return
    if len(names) > len(value):
        doubled = next(name for name, count in Counter(names).items() if count > 1)
        raise InvalidRequest(f"{what} has the name {short(doubled)} twice: give it once.")


class _Pairs(list[tuple[str, Any]]):
    """The names and values of an object, in order."""
