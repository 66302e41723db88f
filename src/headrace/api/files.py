"""Answers that are files."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from urllib.parse import quote

from starlette.responses import FileResponse, Response, StreamingResponse

from headrace.api.services import Services
from headrace.core.errors import NotFound
from headrace.core.values import FileStore, FileValue
from headrace.objects.port import ObjectReader

MEDIA_TYPE = "application/octet-stream"


async def file_response(
    services: Services, value: FileValue, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an answer that sends the bytes of a file, or 204 if they are gone.

    ``headers`` replace the one that gives the file its name.
    """
    store = services.data_store if value.store is FileStore.DATA_STORE else services.artifacts
    sent = dict(
        headers or {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(value.filename)}"}
    )
    local = await store.local_path(value.path)
    if local is not None:
        return FileResponse(local, media_type=MEDIA_TYPE, headers=sent)
    try:
        reader = await store.open(value.path)
    except NotFound:
        return Response(status_code=204)
    sent["Content-Length"] = str(reader.length)
    return StreamingResponse(_chunks(reader), media_type=MEDIA_TYPE, headers=sent)


async def _chunks(reader: ObjectReader) -> AsyncIterator[bytes]:
    try:
        async for chunk in reader:
            yield chunk
    finally:
        await reader.aclose()
