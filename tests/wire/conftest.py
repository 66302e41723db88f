"""Bodies as the public client makes them, and their fields as the server's parser sees them."""

import io
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests
from craft_ai_sdk.utils import multipartify
from python_multipart import parse_form

Pairs = list[tuple[str, str]]


@pytest.fixture(scope="session", params=["urlencoded", "multipart"])
def encoding(request: pytest.FixtureRequest) -> str:
    return request.param


def str_of(read: bytes | None) -> str:
    return (read or b"").decode()


@pytest.fixture(scope="session")
def encode(encoding: str) -> Callable[[dict[str, Any]], Pairs]:
    """Send data through the public client's encoding, and return the text fields that arrive."""

    def encode(data: dict[str, Any]) -> Pairs:
        files = {"step_file": io.BytesIO(b"bytes")} if encoding == "multipart" else {}
        prepared = requests.Request(
            "POST", "http://server/api/v1/pipelines", data=multipartify(data), files=files
        ).prepare()
        if encoding == "urlencoded":
            return parse_qsl(str(prepared.body or ""), keep_blank_values=True)
        pairs: Pairs = []
        headers = {name: str(value).encode() for name, value in prepared.headers.items()}
        assert isinstance(prepared.body, bytes)
        parse_form(
            headers,
            io.BytesIO(prepared.body),
            lambda field: pairs.append((str_of(field.field_name), str_of(field.value))),
            lambda _: None,
        )
        return pairs

    return encode
