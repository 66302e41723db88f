"""Routes of the users' data store: what is in it, and signed URLs to its files."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

from headrace.core.clock import now_s
from headrace.core.errors import InvalidRequest, NotFound, TooLarge
from headrace.core.objects import ObjectInfo, check_object_path
from headrace.objects.links import PART_NUMBER, PURPOSE, UPLOAD_ID, Purpose, sign
from headrace.objects.port import MAX_PARTS
from headrace.web.exchange import Exchange, bounded
from headrace.web.form_terms import FormTerms, only
from headrace.web.forms import read_form
from headrace.wire.answers import Answer
from headrace.wire.bodies import object_body
from headrace.wire.eras.versions import LISTS_ARE_OBJECTS_SINCE, UPLOADS_SAY_THEIR_SIZE_SINCE
from headrace.wire.object_routes import SIGNED_DOWNLOAD, SIGNED_PART, SIGNED_UPLOAD
from headrace.wire.route import Route

LINK_LIFETIME_S = 3600
PAGE_SIZE = 1000
MAX_OBJECT_BYTES = 1 << 62
"""Above every size that can be announced, so that the limit of the server is what refuses it."""

PATH_FIELD = "path_to_object"

OBJECT_SIZE = "object_size"
"""The name in the link of a part for the size of the whole, once the client has announced it."""


async def object_information(exchange: Exchange) -> Answer:
    """Show the size of a file and when it was last written."""
    return Answer(object_body(await _existing(exchange, await _sent_path(exchange))))


async def list_objects(exchange: Exchange) -> Answer:
    """List files in the order of their paths; `folder_path`, `continuation_token`, `limit`."""
    query = exchange.request.query_params
    folder = query.get("folder_path") or None
    if (
        not exchange.flag("include_continuation_token")
        and exchange.client < LISTS_ARE_OBJECTS_SINCE
    ):
        return Answer([object_body(info) for info in await _all_objects(exchange, folder)])
    limit = exchange.integer("limit", PAGE_SIZE, at_least=1, at_most=PAGE_SIZE)
    after = _place_of(query.get("continuation_token"))
    page = await exchange.services.data_store.list(folder, after, limit)
    return Answer(
        {
            "items": [object_body(info) for info in page.items],
            "continuation_token": page.next_after and _token_of(page.next_after),
        }
    )


async def upload_object(exchange: Exchange) -> Answer:
    """Give a URL, good for an hour, and the fields of the form that uploads a file to it."""
    path = check_object_path(exchange.request.query_params.get("path_to_object"))
    services = exchange.services
    if not exchange.scope.is_inside:
        form = await services.data_store.upload_form(
            path, services.max_upload_bytes, LINK_LIFETIME_S
        )
        if form is not None:
            return Answer({"signed_url": form.url, "fields": dict(form.fields)})
    url, fields = _signed(exchange, SIGNED_UPLOAD, path, {PURPOSE: Purpose.UPLOAD})
    return Answer({"signed_url": url, "fields": fields})


async def download_object(exchange: Exchange) -> Answer:
    """Give a URL, good for an hour, that downloads a file."""
    info = await _existing(exchange, await _sent_path(exchange))
    if not exchange.scope.is_inside:
        link = await exchange.services.data_store.download_link(info.path, LINK_LIFETIME_S)
        if link is not None:
            return Answer({"signed_url": link})
    url, query = _signed(exchange, SIGNED_DOWNLOAD, info.path, {PURPOSE: Purpose.DOWNLOAD})
    return Answer({"signed_url": f"{url}?{urlencode(query)}"})


async def delete_object(exchange: Exchange) -> Answer:
    """Delete a file."""
    path = await _sent_path(exchange)
    if not await exchange.services.data_store.delete(path):
        raise _no_object(path)
    return Answer({"path": path})


async def begin_upload(exchange: Exchange) -> Answer:
    """Begin an upload in parts; the answer is the configuration that the next calls give back."""
    upload_id = await exchange.services.data_store.begin_upload(await _sent_path(exchange))
    return Answer({"multipart_upload_id": upload_id})


async def upload_part(exchange: Exchange) -> Answer:
    """Give a URL, good for an hour, that one part of an upload is sent to."""
    body = await exchange.json_object()
    number = bounded(body.get("part_number"), "part_number", at_least=1, at_most=MAX_PARTS)
    size = _announced(body.get("size"))
    chunk_size = _announced(body.get("chunk_size")) or 0
    # Said now, as clients do not look at the answer to the part itself.
    if max(size or 0, (number - 1) * chunk_size + 1) > exchange.services.max_upload_bytes:
        raise _too_large(exchange)
    url = await _part_url(exchange, _configured_id(body), body.get("path_to_object"), number, size)
    return Answer({"signed_url": url, "headers": {}})


async def end_upload(exchange: Exchange) -> Answer:
    """Make the file out of its parts, once all of them are there with the announced size."""
    body = await exchange.json_object()
    return await _end(exchange, _configured_id(body), body)


async def upload_part_by_id(exchange: Exchange) -> Answer:
    """Give a URL, good for an hour, that one part is sent to (clients up to 0.46.2)."""
    number = exchange.integer("part_number", 0, at_least=1, at_most=MAX_PARTS)
    path = exchange.request.query_params.get("path_to_object")
    url = await _part_url(exchange, exchange.name("upload_id"), path, number, None)
    return Answer({"signed_url": url})


async def end_upload_by_id(exchange: Exchange) -> Answer:
    """Make the file out of its parts (clients up to 0.46.2)."""
    return await _end(exchange, exchange.name("upload_id"), await exchange.json_object())


async def abandon_upload(exchange: Exchange) -> Answer:
    """Forget an upload in parts; otherwise it is forgotten a day after its last part."""
    upload_id = exchange.name("upload_id")
    if not await exchange.services.data_store.abandon_upload(upload_id):
        raise NotFound(f"There is no upload {upload_id!r}: it ended, was abandoned or expired.")
    return Answer({"multipart_upload_id": upload_id})


async def _end(exchange: Exchange, upload_id: str, body: Mapping[str, Any]) -> Answer:
    await _check_upload(exchange, upload_id, body.get("path_to_object"))
    parts, size = _parts(body.get("parts"))
    size = _announced(body.get("size")) if size is None else size
    if size is None and exchange.client >= UPLOADS_SAY_THEIR_SIZE_SINCE:
        # Those clients never send the last byte of an object whose size is one more than a
        # multiple of their part size, and then announce no size (wire contract, 5.7).
        raise InvalidRequest(
            "The size of the object was not announced with its last part, so its end may be "
            "missing, and nothing was stored. craft-ai-sdk omits the last byte of some files: set "
            "CRAFT_AI__MULTIPART_PART_SIZE__B to another size and upload the file again."
        )
    store, limit = exchange.services.data_store, exchange.services.max_upload_bytes
    try:
        info = await store.complete_upload(upload_id, parts, size, size_limit=limit)
    except TooLarge:
        await store.abandon_upload(upload_id)
        raise _too_large(exchange) from None
    return Answer(object_body(info))


def _parts(sent: Any) -> tuple[list[tuple[int, str | None]], int | None]:
    """Return the parts in order, and the size that the ETag of the last one carries."""
    if not isinstance(sent, list) or not all(isinstance(part, dict) for part in sent):
        raise InvalidRequest('parts must be a list such as [{"number": 1, "metadata": "<ETag>"}].')
    parts: list[tuple[int, str | None]] = []
    size: int | None = None
    for part in sorted(sent, key=_number):
        etag = part.get("metadata")
        if etag is not None and not isinstance(etag, str):
            raise InvalidRequest("The metadata of a part must be the ETag that it was answered.")
        digest, size = split_etag(etag or "")
        parts.append((_number(part), digest or None))
    return parts, size


def _number(part: Mapping[str, Any]) -> int:
    return bounded(part.get("number"), "the number of a part", at_least=1, at_most=MAX_PARTS)


def joined_etag(etag: str, size: str | None) -> str:
    """Return the ETag of a part that carries the size of the whole, if that was announced.

    Clients announce it with the last part alone, and tell the end of the upload nothing but ETags:
    so nothing has to be kept in between.
    """
    return etag if size is None else f'"{etag.strip(chr(34))}.{size}"'


def split_etag(etag: str) -> tuple[str, int | None]:
    """Return the digest of an ETag of :func:`joined_etag`, and the size if it carries one."""
    digest, _, size = etag.strip('"').partition(".")
    return digest, int(size) if size.isdecimal() and len(size) < 20 else None


async def _part_url(
    exchange: Exchange, upload_id: str, sent_path: Any, number: int, size: int | None
) -> str:
    path = await _check_upload(exchange, upload_id, sent_path)
    extra = {PURPOSE: Purpose.PART.value, UPLOAD_ID: upload_id, PART_NUMBER: str(number)}
    if size is not None:
        extra[OBJECT_SIZE] = str(size)
    url, query = _signed(exchange, SIGNED_PART, path, extra)
    return f"{url}?{urlencode(query)}"


async def _check_upload(exchange: Exchange, upload_id: str, sent_path: Any) -> str:
    """Return the path of an upload, which must be the one that the caller names."""
    path = check_object_path(sent_path)
    begun = await exchange.services.data_store.upload_path(upload_id)
    if begun != path:
        raise InvalidRequest(f"The upload was begun for {begun!r}, not for {path!r}.")
    return path


def _configured_id(body: Mapping[str, Any]) -> str:
    configuration = body.get("multipart_upload_configuration")
    upload_id = configuration.get("multipart_upload_id") if isinstance(configuration, dict) else ""
    if not isinstance(upload_id, str) or not upload_id:
        raise InvalidRequest(
            "multipart_upload_configuration must be what the beginning of the upload answered."
        )
    return upload_id


def _announced(size: Any) -> int | None:
    if size is None:
        return None
    return bounded(size, "the size", at_least=0, at_most=MAX_OBJECT_BYTES)


def _signed(
    exchange: Exchange, route: Route, path: str, extra: Mapping[str, str]
) -> tuple[str, dict[str, str]]:
    """Return the absolute URL of a signed request, and the parameters that allow it."""
    expires_at = int(now_s()) + LINK_LIFETIME_S
    allowed = sign(exchange.services.link_key, route.method, path, expires_at, extra)
    # Code inside an execution reaches the server where it has asked, and perhaps only there.
    is_inside = exchange.scope.is_inside
    root = str(exchange.request.base_url) if is_inside else exchange.services.public_url
    return root.rstrip("/") + route.url(path=quote(path)), allowed


async def _sent_path(exchange: Exchange) -> str:
    """Return the path in a body, which is JSON or a form."""
    if exchange.request.headers.get("content-type", "").startswith("application/json"):
        return check_object_path((await exchange.json_object()).get("path_to_object"))
    services = exchange.services
    terms = FormTerms(lambda name: name == PATH_FIELD, only().check_file)
    async with read_form(exchange.request, uploads=services.uploads, terms=terms) as form:
        return check_object_path(dict(form.fields).get("path_to_object"))


async def _existing(exchange: Exchange, path: str) -> ObjectInfo:
    info = await exchange.services.data_store.info(path)
    if info is None:
        raise _no_object(path)
    return info


async def _all_objects(exchange: Exchange, folder: str | None) -> list[ObjectInfo]:
    found: list[ObjectInfo] = []
    after: str | None = None
    while True:
        page = await exchange.services.data_store.list(folder, after, PAGE_SIZE)
        found += page.items
        after = page.next_after
        if after is None:
            return found


def _token_of(after: str) -> str:
    return base64.urlsafe_b64encode(after.encode()).rstrip(b"=").decode()


def _place_of(token: str | None) -> str | None:
    if not token:
        return None
    try:
        padded = token.encode() + b"=" * (-len(token) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise InvalidRequest(
            "continuation_token must be the one that the page before was answered with."
        ) from None


def _no_object(path: str) -> NotFound:
    return NotFound(f"The data store has no file at {path!r}.")


def _too_large(exchange: Exchange) -> TooLarge:
    return TooLarge(
        f"The object is larger than {exchange.services.max_upload_bytes:,} bytes, the limit of "
        "this server (HEADRACE_MAX_UPLOAD_BYTES)."
    )
