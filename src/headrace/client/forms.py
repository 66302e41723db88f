"""The bodies of requests as bytes on the wire: JSON, forms, and forms with files."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlencode

from headrace.client.messages import FilePart, Form, Json, Raw, Reading
from headrace.core.errors import InvalidValue

PIECE_BYTES = 1 << 17


def json_bytes(value: Any) -> bytes:
    """Return a value as JSON.

    Raises:
        InvalidValue: It is no JSON, or holds text that is none.
    """
    try:
        return json.dumps(
            value, ensure_ascii=False, allow_nan=False, separators=(",", ":")
        ).encode()
    except UnicodeEncodeError:
        raise InvalidValue(NOT_TEXT) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidValue(f"A value cannot be sent as JSON: {error}.") from None


NOT_TEXT = (
    "A text holds a lone surrogate, which UTF-8 cannot hold: it was read from bytes that are not "
    "UTF-8. Send such bytes as a file."
)


def encoded(
    body: Form | Json | Raw | None,
) -> tuple[bytes | Iterable[bytes] | None, dict[str, str]]:
    """Return a body to be sent, and the headers that go with it.

    Raises:
        InvalidValue: It holds something that cannot be sent.
    """
    match body:
        case None:
            return None, {}
        case Raw():
            return body.content, {}
        case Json():
            return json_bytes(body.value), {"content-type": "application/json"}
    if not body.files:
        text = _text_bytes(urlencode, body.fields)
        return text, {"content-type": "application/x-www-form-urlencoded"}
    boundary = os.urandom(16).hex()
    headers = {"content-type": f"multipart/form-data; boundary={boundary}"}
    fields = [_field(boundary, name, text) for name, text in body.fields]
    if all(isinstance(part.content, bytes) for part in body.files):
        # Stores of objects refuse a form whose size is not told beforehand.
        headers["content-length"] = str(sum(map(len, _parts(boundary, fields, body.files))))
    return _parts(boundary, fields, body.files), headers


def _text_bytes(write: Any, fields: Any) -> bytes:
    try:
        text: str = write(fields)
        return text.encode()
    except UnicodeEncodeError:
        raise InvalidValue(NOT_TEXT) from None


def _parts(boundary: str, fields: list[bytes], files: Iterable[FilePart]) -> Iterator[bytes]:
    yield b"".join(fields)
    for part in files:
        yield _head(boundary, part.name, part.filename)
        if isinstance(part.content, bytes):
            yield from _pieces(part.content)
        else:
            if part.content.seekable():
                part.content.seek(0)
            yield from _read(part.name, part.content)
        yield b"\r\n"
    yield f"--{boundary}--\r\n".encode()


def _read(name: str, content: Reading) -> Iterator[bytes]:
    while True:
        try:
            piece = content.read(PIECE_BYTES)
        except OSError as error:
            reason = error.strerror or error
            raise InvalidValue(f"The file {name!r} cannot be read: {reason}.") from None
        if not piece:
            return
        yield piece


def _pieces(content: bytes) -> Iterator[bytes]:
    for begin in range(0, len(content), PIECE_BYTES):
        yield content[begin : begin + PIECE_BYTES]


def _field(boundary: str, name: str, text: str) -> bytes:
    try:
        return _head(boundary, name) + text.encode() + b"\r\n"
    except UnicodeEncodeError:
        raise InvalidValue(NOT_TEXT) from None


def _head(boundary: str, name: str, filename: str | None = None) -> bytes:
    disposition = f'form-data; name="{_escaped(name)}"'
    if filename is not None:
        disposition += f'; filename="{_escaped(filename)}"'
    head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\n\r\n"
    # A file may have a name that is not UTF-8; its content counts, so the name is made to be.
    return head.encode("utf-8", "replace")


def _escaped(text: str) -> str:
    """Escape a name as HTML has it for forms."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
