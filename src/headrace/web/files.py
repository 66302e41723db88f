"""Answers that are files: whole or a range, as they were when the answer began."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import format_datetime
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import FileResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from headrace.core.errors import InvalidRequest, NotFound
from headrace.core.objects import ObjectInfo
from headrace.core.values import FileStore, FileValue
from headrace.objects.links import xml_error
from headrace.objects.port import ObjectReader, ObjectStore
from headrace.web.attachments import BYTES, attachment
from headrace.web.exchange import Services

_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")


class Span(NamedTuple):
    """Some bytes of an object; ``length`` is 0 if none of those asked for exist."""

    offset: int
    length: int


class ReaderResponse(StreamingResponse):
    """Sends what a reader reads, and closes it however the sending ends."""

    def __init__(
        self, reader: ObjectReader, status: int, headers: Mapping[str, str], media_type: str
    ) -> None:
        super().__init__(aiter(reader), status, headers, media_type)
        self._reader = reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See Starlette."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._reader.aclose()


async def file_response(
    services: Services,
    value: FileValue,
    media_type: str,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an answer that sends the bytes of a file, or 204 if they are gone.

    Args:
        services: The stores of files.
        value: The file.
        media_type: The type that the answer names.
        headers: More headers; they come before those that name the file.
    """
    is_stored = value.store is FileStore.DATA_STORE
    store = services.data_store if is_stored else services.artifacts
    sent = attachment(value.filename) | dict(headers or {})
    # A file of the data store may be replaced while it is sent, so it is opened once.
    local = None if is_stored else await store.local_path(value.path)
    if local is not None:
        return FileResponse(local, media_type=media_type, headers=sent)
    try:
        reader = await store.open(value.path)
    except NotFound:
        return Response(status_code=204)
    length = {"Content-Length": str(reader.length)}
    return ReaderResponse(reader, 200, {**sent, **length}, media_type)


async def object_response(request: Request, store: ObjectStore, path: str) -> Response:
    """Return an answer with an object, or with the one range of it that a request asks for.

    A request for several ranges gets the whole.

    Raises:
        NotFound: There is no such object.
    """
    reader, span = await _opened(request, store, path)
    info, filename = reader.info, path.rpartition("/")[2]
    headers = {
        "Content-Length": str(reader.length),
        "Accept-Ranges": "bytes",
        "ETag": _etag(info),
        "Last-Modified": _http_date(info),
        **attachment(filename),
    }
    if request.method == "HEAD":
        # Of the whole, as HTTP gives ranges a meaning for GET alone.
        await reader.aclose()
        headers["Content-Length"] = str(info.size)
        return Response(None, 200, headers, BYTES)
    if span is None:
        return ReaderResponse(reader, 200, headers, BYTES)
    if span.length == 0:
        await reader.aclose()
        message = f"The object has {info.size} bytes, and none of those asked for."
        body = xml_error("InvalidRange", message)
        headers = {"Content-Range": f"bytes */{info.size}"}
        return Response(body, 416, headers, media_type="application/xml")
    last = span.offset + span.length - 1
    headers["Content-Range"] = f"bytes {span.offset}-{last}/{info.size}"
    return ReaderResponse(reader, 206, headers, BYTES)


async def _opened(
    request: Request, store: ObjectStore, path: str
) -> tuple[ObjectReader, Span | None]:
    while True:
        whole = await store.open(path)
        span = _span(request.headers, whole.info)
        if span is None or span.length == 0:
            return whole, span
        await whole.aclose()
        try:
            part = await store.open(path, span.offset, span.length)
        except InvalidRequest:
            continue  # Replaced by a shorter one meanwhile.
        if part.info == whole.info:
            return part, span
        await part.aclose()


def _span(headers: Mapping[str, str], info: ObjectInfo) -> Span | None:
    """Return the range that a request asks for, or None for the whole object."""
    found = _RANGE.fullmatch(headers.get("range", "").strip())
    if found is None or found[0] == "bytes=-":
        return None
    if headers.get("if-range", _etag(info)) not in {_etag(info), _http_date(info)}:
        return None
    first, last = found.groups()
    if not first:
        length = min(int(last), info.size)
        return Span(info.size - length, length)
    end = min(int(last) + 1, info.size) if last else info.size
    if last and int(last) < int(first):
        return None
    return Span(int(first), max(0, end - int(first)))


def _etag(info: ObjectInfo) -> str:
    return f'"{int(info.last_modified.timestamp() * 1_000_000):x}-{info.size:x}"'


def _http_date(info: ObjectInfo) -> str:
    return format_datetime(info.last_modified, usegmt=True)
