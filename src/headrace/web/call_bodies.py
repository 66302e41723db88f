"""The body of a call of a deployment: JSON, a form with a file, or nothing at all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from headrace.control.orders import UploadedFile
from headrace.core.deployments import Deployment
from headrace.core.errors import Conflict, InvalidRequest
from headrace.core.sources import GivenValue
from headrace.core.values import DataType, Json
from headrace.web.exchange import Services
from headrace.web.form_terms import FormTerms, call_terms
from headrace.web.forms import (
    MULTIPART,
    URLENCODED,
    media_type,
    read_body,
    read_form,
    urlencoded_fields,
)
from headrace.wire.codec import BYTE_ORDER_MARK, decode, decode_object

MAX_KEY_LENGTH = 200

_AS_A_FILE = f": send large data as a file ({MULTIPART})"


@dataclass(frozen=True, slots=True)
class ReadCall:
    """The inputs that a caller sent.

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
        Conflict: The deployment is disabled; nothing was read.
        InvalidRequest: The body is none of these, or has what the deployment does not take.
        TooLarge: It is over a limit.
    """
    key = _idempotency_key(request)
    if not deployment.is_enabled:
        raise Conflict(f"Deployment {deployment.name!r} is disabled: enable it first.")
    terms = call_terms(deployment.inputs, services.max_upload_bytes, services.max_text_bytes)
    if media_type(request) == MULTIPART:
        async with read_form(request, uploads=services.uploads, terms=terms) as form:
            yield ReadCall(_from_texts(form.fields, deployment), form.files, key)
        return
    body = await read_body(request, services.max_text_bytes, "The body", _AS_A_FILE)
    yield ReadCall(_from_body(body, request, deployment, terms), {}, key)


def _from_body(
    body: bytes, request: Request, deployment: Deployment, terms: FormTerms
) -> dict[str, Json]:
    kind = media_type(request)
    text = body.lstrip()
    if not text or text.startswith((b"{", BYTE_ORDER_MARK)) or kind.endswith("json"):
        return decode_object(body, "the body")
    if kind == URLENCODED:
        if b"=" not in body:
            raise InvalidRequest(
                "The body is neither a JSON object nor a urlencoded form: send JSON, such as "
                '{"name": "value"}, with the header Content-Type: application/json.'
            )
        return _from_texts(urlencoded_fields(body, request, terms), deployment)
    raise InvalidRequest(
        f"The body is of type {kind or 'unknown'}: send a JSON object "
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


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= MAX_KEY_LENGTH and key.isprintable()):
        raise InvalidRequest(
            f"Idempotency-Key must have 1 to {MAX_KEY_LENGTH} printable characters."
        )
    return key
