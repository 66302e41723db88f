"""Routes of signed URLs of the data store."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from headrace.api.data_store import OBJECT_SIZE, joined_etag
from headrace.core.clock import now_s
from headrace.core.objects import check_object_path
from headrace.objects.links import PART_NUMBER, UPLOAD_ID, Purpose, verify
from headrace.objects.multipart_form import file_part
from headrace.web.exchange import Exchange
from headrace.web.files import object_response
from headrace.wire.answers import NO_CONTENT, Answer


async def signed_upload(exchange: Exchange) -> Answer:
    """Store a file: a form with the signed fields first, then the part `file`."""
    path = check_object_path(exchange.name("path"))
    request, services = exchange.request, exchange.services
    fields, chunks = await file_part(request.stream(), request.headers.get("content-type", ""))
    _allowed(exchange, path, Purpose.UPLOAD, fields)
    await services.data_store.put(path, chunks, size_limit=services.max_upload_bytes)
    return NO_CONTENT


async def signed_part(exchange: Exchange) -> Response:
    """Store one part of an upload: the body as it is. The header `ETag` names what arrived."""
    path = check_object_path(exchange.name("path"))
    signed = _allowed(exchange, path, Purpose.PART, exchange.request.query_params)
    etag = await exchange.services.data_store.put_part(
        signed[UPLOAD_ID],
        int(signed[PART_NUMBER]),
        exchange.request.stream(),
        size_limit=exchange.services.max_upload_bytes,
    )
    return Response(headers={"ETag": joined_etag(etag, signed.get(OBJECT_SIZE))})


async def signed_download(exchange: Exchange) -> Response:
    """Send a file, or the range of it that the request names."""
    path = check_object_path(exchange.name("path"))
    _allowed(exchange, path, Purpose.DOWNLOAD, exchange.request.query_params)
    return await object_response(exchange.request, exchange.services.data_store, path)


def _allowed(
    exchange: Exchange, path: str, purpose: Purpose, params: Mapping[str, str]
) -> dict[str, str]:
    """Return the signed parameters of a link that allows this request; raises PermissionDenied."""
    method = exchange.request.method
    return verify(
        exchange.services.link_key,
        # Whoever may read an object may ask how large it is.
        "GET" if method == "HEAD" else method,
        path,
        params,
        purpose=purpose,
        now=now_s(),
    )
