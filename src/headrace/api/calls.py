"""What callers of a deployment send: JSON, a form with a file, or nothing at all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from headrace.api.exchange import MAX_JSON_BYTES
from headrace.api.forms import read_form
from headrace.api.services import Services
from headrace.control.submission import UploadedFile
from headrace.core.deployments import Deployment
from headrace.core.errors import InvalidRequest, TooLarge
from headrace.core.sources import GivenValue
from headrace.core.values import DataType, Json
from headrace.wire.codec import decode, decode_object

MAX_KEY_LENGTH = 200


@dataclass(frozen=True, slots=True)
class ReadCall:
    """What a caller sent.

    Attributes:
        values: Values, by the names that the caller uses.
        files: Files, in the same way; they are gone when the call's context ends.
        idempotency_key: The ``Idempotency-Key`` header, or None.
    """

    values: Mapping[str, Json]
    files: Mapping[str, UploadedFile]
    idempotency_key: str | None


@asynccontextmanager
async def read_call(
    request: Request, services: Services, deployment: Deployment
) -> AsyncIterator[ReadCall]:
    """Read the body of a call.

    A JSON object, a multipart form whose text parts are JSON or plain text, or a urlencoded form;
    an empty body is ``{}``. A body that begins as a JSON object is read as one, whatever its
    content type says: ``curl -d '{…}'`` without a header calls it urlencoded.

    Raises:
        InvalidRequest: The body is none of these.
        TooLarge: It is over a limit.
    """
    key = _idempotency_key(request)
    if _media_type(request) == "multipart/form-data":
        async with read_form(
            request, uploads=services.uploads, max_file_bytes=services.max_upload_bytes
        ) as form:
            yield ReadCall(_from_texts(form.fields, deployment), form.files, key)
        return
    body = await _body(request)
    yield ReadCall(_from_body(body, request, deployment), {}, key)


def _from_body(body: bytes, request: Request, deployment: Deployment) -> dict[str, Json]:
    media_type = _media_type(request)
    text = body.lstrip()
    if not text or text.startswith(b"{") or media_type.endswith("json"):
        return decode_object(body, "the body")
    if media_type == "application/x-www-form-urlencoded":
        try:
            fields = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
        except ValueError:
            raise InvalidRequest(
                "The body is neither a JSON object nor a urlencoded form: send JSON, such as "
                '{"name": "value"}, with the header Content-Type: application/json.'
            ) from None
        return _from_texts(fields, deployment)
    raise InvalidRequest(
        f"The body is of type {media_type or 'unknown'}: send a JSON object "
        "(application/json), or a form with the file (multipart/form-data)."
    )


def _from_texts(fields: list[tuple[str, str]], deployment: Deployment) -> dict[str, Json]:
    kinds = {
        item.source.name: item.parameter.data_type
        for item in deployment.inputs
        if isinstance(item.source, GivenValue)
    }
    values: dict[str, Json] = {}
    for name, text in fields:
        if name in values:
            raise InvalidRequest(f"The field {name!r} was sent twice.")
        values[name] = _from_text(text, kinds.get(name))
    return values


def _from_text(text: str, kind: DataType | None) -> Any:
    """Return the value of a text field: JSON, as clients send it, or what a person typed."""
    try:
        value = decode(text, "the field")
    except InvalidRequest:
        return text
    if kind is DataType.STRING and value is not None and not isinstance(value, str):
        return text
    return value


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_JSON_BYTES:
                raise TooLarge(
                    f"The body is larger than {MAX_JSON_BYTES:,} bytes: send large data as a file "
                    "(multipart/form-data)."
                )
    except ClientDisconnect:
        raise InvalidRequest("The body ended before it was complete.") from None
    return bytes(body)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= MAX_KEY_LENGTH and key.isprintable()):
        raise InvalidRequest(
            f"Idempotency-Key must have 1 to {MAX_KEY_LENGTH} printable characters."
        )
    return key
