"""Answers that are files."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import FileResponse, Response

from headrace.core.errors import NotFound
from headrace.core.values import FileStore, FileValue
from headrace.web.attachments import attachment
from headrace.web.downloads import ReaderResponse
from headrace.web.exchange import Services


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
