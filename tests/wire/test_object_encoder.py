"""Objects encoded from their values alone are what a dict of them would be."""

from __future__ import annotations

import json

import pytest

from headrace.core.values import JsonText
from headrace.wire.codec import encode, object_encoder

NAMES = ("id", "status", "count", "value")


def test_it_is_what_the_dict_would_be() -> None:
    values = ("0198\u00e9", "Ended", None, JsonText("[1, 2]"))
    encoded = object_encoder(NAMES)(values)
    assert encoded == encode(dict(zip(NAMES, values, strict=True)))
    assert json.loads(encoded) == {
        "id": "0198\u00e9",
        "status": "Ended",
        "count": None,
        "value": [1, 2],
    }


def test_values_that_are_missing_are_left_out_and_more_are_refused() -> None:
    encode_some = object_encoder(NAMES)
    assert json.loads(encode_some(("a", "b"))) == {"id": "a", "status": "b"}
    with pytest.raises(TypeError):
        encode_some(range(5))
