"""JSON text to values and back: the only module that knows msgspec."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from headrace.core.errors import InvalidRequest
from headrace.core.values import JsonText
from headrace.wire.forms import short

BYTE_ORDER_MARK = b"\xef\xbb\xbf"

LARGE_BYTES = 1 << 18
"""JSON of this size is taken apart only as far as somebody has to look at it."""

_LEFT_BYTES = 1 << 12


def encode(value: Any) -> bytes:
    """Return ``value`` as JSON. NaN and the infinities become null."""
    return _encoder.encode(value)


def as_it_is(text: str) -> Any:
    """Return a part of a value to encode whose JSON text is known."""
    return msgspec.Raw(text)


def _raw(value: Any) -> Any:
    """Return the stand-in for a value that the encoder does not know."""
    if isinstance(value, JsonText):
        return msgspec.Raw(value.text)
    raise TypeError(f"{type(value).__name__} is no JSON")


def object_encoder(names: Sequence[str]) -> Callable[[Sequence[Any]], bytes]:
    """Return a function from values to the JSON object that has them under these names.

    It is several times as fast as :func:`encode` of a dict that would have to be made first. It
    raises TypeError if there are more values than names; of fewer the last ones are left out.
    """
    made = msgspec.defstruct("Record", [(name, Any, msgspec.UNSET) for name in names])

    def encoded(values: Sequence[Any]) -> bytes:
        return _encoder.encode(made(*values))

    return encoded


_encoder = msgspec.json.Encoder(enc_hook=_raw)
_message = msgspec.json.Decoder(dict[str, msgspec.Raw])
_object = msgspec.json.Decoder(dict[str, Any])
_records = msgspec.json.Decoder(list[tuple[str, str, str, dict[str, Any], dict[str, msgspec.Raw]]])


def decode_message(text: bytes, what: str) -> dict[str, Any]:
    """Return the JSON object that a process of user code sent.

    If it is large, so that reading all of it would keep others waiting, its own larger values and
    those under ``values`` are :class:`~headrace.core.values.JsonText`.

    Raises:
        InvalidRequest: It is no JSON object.
    """
    try:
        if len(text) <= LARGE_BYTES:
            return _object.decode(text)
        found = {
            name: _message.decode(raw) if name == "values" else raw
            for name, raw in _message.decode(text).items()
        }
        return {
            name: _leaves(raw) if isinstance(raw, dict) else _leaf(raw)
            for name, raw in found.items()
        }
    except (msgspec.DecodeError, msgspec.ValidationError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"{what} is not valid JSON: {error}.") from None


def decode_records(text: str, what: str) -> Any:
    """Return the column of an execution's outputs; of a large one, large values are left as text.

    Raises:
        InvalidRequest: It is no such column.
    """
    if len(text) <= LARGE_BYTES:
        return decode(text, what)
    try:
        return [(*frame, _leaves(value)) for *frame, value in _records.decode(text)]
    except (msgspec.DecodeError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"{what} is not valid JSON: {error}.") from None


def parts_of(text: str) -> dict[str, Any]:
    """Return the values of a JSON object that this server made; large ones are left as text."""
    return _leaves(_message.decode(text))


def _leaves(values: dict[str, msgspec.Raw]) -> dict[str, Any]:
    return {name: _leaf(raw) for name, raw in values.items()}


def _leaf(raw: msgspec.Raw) -> Any:
    data = bytes(raw)
    return JsonText(data.decode()) if len(data) > _LEFT_BYTES else msgspec.json.decode(data)


def decode(text: bytes | str, what: str) -> Any:
    """Return the value of a JSON text that a caller sent; ``what`` names it in the message.

    Raises:
        InvalidRequest: It is no JSON; the message says where.
    """
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if text[:3] == BYTE_ORDER_MARK or text[:1] == "\ufeff":
            why = f"{what} begins with a byte order mark: send UTF-8 without one."
            raise InvalidRequest(why) from None
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
