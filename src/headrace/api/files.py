"""Answers that are files."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from starlette.responses import FileResponse, Response

from headrace.api.downloads import MEDIA_TYPE, ReaderResponse
from headrace.api.services import Services
from headrace.core.errors import NotFound
from headrace.core.values import FileStore, FileValue


async def file_response(
    services: Services, value: FileValue, headers: Mapping[str, str] | None = None
) -> Response:
    """Return an answer that sends the bytes of a file, or 204 if they are gone.

    ``headers`` replace the one that gives the file its name.
    """
    is_stored = value.store is FileStore.DATA_STORE
    store = services.data_store if is_stored else services.artifacts
    sent = dict(
        headers or {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(value.filename)}"}
    )
    # A file of the data store may be replaced while it is sent, so it is opened once.
    local = None if is_stored else await store.local_path(value.path)
    if local is not None:
        return FileResponse(local, media_type=MEDIA_TYPE, headers=sent)
    try:
        reader = await store.open(value.path)
    except NotFound:
        return Response(status_code=204)
    return ReaderResponse(reader, 200, {**sent, "Content-Length": str(reader.length)})
