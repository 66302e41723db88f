"""Forms in both encodings, read on the terms of whoever asks; files go to disk as they come."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from headrace.control.orders import UploadedFile
from headrace.core.errors import InvalidRequest, TooLarge, Unavailable
from headrace.web.form_parts import FolderFile, FormParts
from headrace.web.form_terms import MAX_FIELDS, MAX_NAME_BYTES, FormTerms
from headrace.wire.charsets import check_charset, without_charset

MULTIPART = "multipart/form-data"
URLENCODED = "application/x-www-form-urlencoded"

WRITE_BYTES = 1 << 20
"""So much of files is written at once."""


@dataclass(frozen=True, slots=True)
class Form:
    """A form that was read.

    Attributes:
        fields: Name and text of each field, in order.
        files: The files by name; they are gone when the form's context ends.
        folder_files: The files of a folder that came with it, in the same way.
    """

    fields: list[tuple[str, str]]
    files: dict[str, UploadedFile]
    folder_files: Sequence[FolderFile] = ()


def media_type(request: Request) -> str:
    """Return the type of a request's body in small letters, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


@asynccontextmanager
async def read_form(request: Request, *, uploads: Path, terms: FormTerms) -> AsyncIterator[Form]:
    """Read the form that a request carries, urlencoded or multipart.

    Args:
        request: The request.
        uploads: The folder in which one for its files is made.
        terms: The fields and files that the form may hold.

    Raises:
        InvalidRequest: The body is no such form, or has what nobody would read.
        TooLarge: It is over a limit.
        Unavailable: There is no room for its files.
    """
    kind = media_type(request)
    if kind in {URLENCODED, ""}:
        body = await read_body(request, terms.max_text_bytes, "The form")
        yield Form(urlencoded_fields(body, request, terms), {})
        return
    if kind != MULTIPART:
        raise InvalidRequest(f"The body must be a form ({MULTIPART} or {URLENCODED}), not {kind}.")
    folder = _Folder(uploads)
    try:
        yield await _read_multipart(request, terms, folder)
    finally:
        await folder.remove()


async def read_body(request: Request, max_bytes: int, what: str, advice: str = "") -> bytes:
    """Return the body of a request.

    Raises:
        InvalidRequest: The caller hung up before its end.
        TooLarge: It is longer than ``max_bytes``; nothing is read if that is known before.
    """
    refuse_announced(request, max_bytes, what, advice)
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > max_bytes:
                raise _too_large(what, max_bytes, advice)
    except ClientDisconnect:
        raise InvalidRequest("The body ended before it was complete.") from None
    return bytes(body)


def refuse_announced(request: Request, max_bytes: int, what: str, advice: str = "") -> None:
    """Refuse a body before it is read if its announced length is too large.

    Raises:
        TooLarge: It is.
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and (len(announced) > 18 or int(announced) > max_bytes):
        raise _too_large(what, max_bytes, advice)


def urlencoded_fields(body: bytes, request: Request, terms: FormTerms) -> list[tuple[str, str]]:
    """Return the fields of an urlencoded form that are read.

    Raises:
        InvalidRequest: It is malformed, not UTF-8, or has what nobody would read.
    """
    charset = request.headers.get("content-type", "").lower().partition("charset=")[2]
    check_charset(charset.partition(";")[0], body, "The form")
    try:
        fields = parse_qsl(
            body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"
        )
    except (UnicodeDecodeError, ValueError) as error:
        why = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
        raise InvalidRequest(f"The body is not a valid urlencoded form: {why}.") from None
    if any(len(name) > MAX_NAME_BYTES for name, _ in fields):
        raise TooLarge(f"The name of a field is longer than {MAX_NAME_BYTES:,} characters.")
    return [(name, text) for name, text in without_charset(fields) if terms.keeps_field(name)]


async def _read_multipart(request: Request, terms: FormTerms, folder: _Folder) -> Form:
    parts = FormParts(request.headers.get("content-type", ""), terms, folder.path)
    refuse_announced(request, terms.max_body_bytes, "The form")
    try:
        async for chunk in request.stream():
            parts.feed(chunk)
            if parts.unwritten_bytes >= WRITE_BYTES:
                await _write(parts)
        await _write(parts)
    except ClientDisconnect:
        raise InvalidRequest("The body ended before it was complete.") from None
    if not parts.is_complete:
        raise InvalidRequest("The multipart body ended before its last boundary.")
    return Form(without_charset(parts.fields), parts.files, parts.folder_files)


async def _write(parts: FormParts) -> None:
    writing = asyncio.ensure_future(asyncio.to_thread(parts.write))
    try:
        await asyncio.shield(writing)
    except asyncio.CancelledError:
        # The folder is about to be removed, and nothing may be written to it after that.
        await asyncio.wait({writing})
        raise
    except OSError as error:
        raise Unavailable(
            f"The file could not be stored on the server: {error.strerror}."
        ) from error


class _Folder:
    """The folder of one request's files, made when the first of them comes."""

    def __init__(self, uploads: Path) -> None:
        self._uploads = uploads
        self._path: Path | None = None

    def path(self) -> Path:
        """Return the path of the folder."""
        if self._path is None:
            self._path = Path(tempfile.mkdtemp(dir=self._uploads))
        return self._path

    async def remove(self) -> None:
        """Remove it with what is left in it, whatever ends the request."""
        if self._path is not None:
            # In a thread, as the end of a large file takes long; and to its end in any case.
            await asyncio.shield(asyncio.to_thread(shutil.rmtree, self._path, ignore_errors=True))


def _too_large(what: str, max_bytes: int, advice: str) -> TooLarge:
    return TooLarge(f"{what} is larger than {max_bytes:,} bytes{advice}.")
