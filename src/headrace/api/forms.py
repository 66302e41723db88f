"""Forms in both encodings, their files streamed to disk."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from urllib.parse import parse_qsl

import python_multipart
from python_multipart.exceptions import MultipartParseError
from starlette.requests import ClientDisconnect, Request

from headrace.control.submission import UploadedFile
from headrace.core.errors import InvalidRequest, TooLarge

MAX_FIELD_BYTES = 1_000_000
MAX_FIELDS = 10_000
MAX_FILES = 100


@dataclass(frozen=True, slots=True)
class Form:
    """A form that was read.

    Attributes:
        fields: Name and text of each field, in order.
        files: The files by name; they are gone when the form's context ends.
    """

    fields: list[tuple[str, str]]
    files: dict[str, UploadedFile]


@asynccontextmanager
async def read_form(request: Request, *, uploads: Path, max_file_bytes: int) -> AsyncIterator[Form]:
    """Read the form that a request carries, urlencoded or multipart.

    Raises:
        InvalidRequest: The body is no such form.
        TooLarge: A field, a file, or the number of them is over its limit.
    """
    content_type = request.headers.get("content-type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind in {"application/x-www-form-urlencoded", ""}:
        yield Form(await _read_urlencoded(request), {})
        return
    if kind != "multipart/form-data":
        raise InvalidRequest(
            f"The body must be a form (multipart/form-data or application/x-www-form-urlencoded), "
            f"not {kind}."
        )
    folder = Path(tempfile.mkdtemp(dir=uploads))
    try:
        yield await _read_multipart(request, content_type, folder, max_file_bytes)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _read_urlencoded(request: Request) -> list[tuple[str, str]]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_FIELD_BYTES:
            raise TooLarge(f"The form is larger than {MAX_FIELD_BYTES:,} bytes.")
    try:
        return parse_qsl(
            body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict"
        )
    except (UnicodeDecodeError, ValueError) as error:
        raise InvalidRequest(f"The body is not a valid urlencoded form: {error}.") from None


async def _read_multipart(
    request: Request, content_type: str, folder: Path, max_file_bytes: int
) -> Form:
    _, options = python_multipart.multipart.parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise InvalidRequest("The multipart body has no boundary in its content type.")
    parts = _Parts(folder, max_file_bytes)
    parser = python_multipart.MultipartParser(boundary, parts.callbacks())
    try:
        async for chunk in request.stream():
            parser.write(chunk)
        parser.finalize()
    except MultipartParseError as error:
        raise InvalidRequest(f"The multipart body is malformed: {error}.") from None
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The multipart body is not UTF-8: {error}.") from None
    except ClientDisconnect:
        raise InvalidRequest("The body ended before it was complete.") from None
    finally:
        parts.close()
    if not parts.is_complete:
        raise InvalidRequest("The multipart body ended before its last boundary.")
    return Form(parts.fields, parts.files)


class _Parts:
    """Receives the pieces of a multipart body: files go to disk as they come."""

    def __init__(self, folder: Path, max_file_bytes: int) -> None:
        self.fields: list[tuple[str, str]] = []
        self.files: dict[str, UploadedFile] = {}
        self.is_complete = False
        self._folder = folder
        self._max_file_bytes = max_file_bytes
        self._header_name = b""
        self._header_value = b""
        self._disposition = b""
        self._name = ""
        self._filename: str | None = None
        self._text = bytearray()
        self._size = 0
        self._path = folder
        self._file: BinaryIO | None = None

    def callbacks(self) -> python_multipart.multipart.MultipartCallbacks:
        return {
            "on_part_begin": self._begin,
            "on_header_field": self._on_header_field,
            "on_header_value": self._on_header_value,
            "on_header_end": self._on_header_end,
            "on_headers_finished": self._on_headers_finished,
            "on_part_data": self._on_data,
            "on_part_end": self._on_end,
            "on_end": self._on_last,
        }

    def close(self) -> None:
        if self._file is not None:
            self._file.close()

    def _begin(self) -> None:
        self._disposition = b""
        self._text = bytearray()
        self._size = 0

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = self._header_value
        self._header_name = self._header_value = b""

    def _on_headers_finished(self) -> None:
        _, options = python_multipart.multipart.parse_options_header(self._disposition)
        if b"name" not in options:
            raise InvalidRequest("A part of the multipart body has no name.")
        self._name = options[b"name"].decode()
        filename = options.get(b"filename")
        self._filename = None if filename is None else filename.decode()
        if self._filename is None:
            if len(self.fields) >= MAX_FIELDS:
                raise TooLarge(f"The form has more than {MAX_FIELDS:,} fields.")
            return
        if self._name in self.files:
            raise InvalidRequest(f"The file {self._name!r} was sent twice.")
        if len(self.files) >= MAX_FILES:
            raise TooLarge(f"The form has more than {MAX_FILES} files.")
        self._path = self._folder / str(len(self.files))
        self._file = self._path.open("wb")

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        self._size += end - start
        if self._filename is None:
            if self._size > MAX_FIELD_BYTES:
                raise TooLarge(f"Field {self._name!r} is larger than {MAX_FIELD_BYTES:,} bytes.")
            self._text += data[start:end]
            return
        if self._size > self._max_file_bytes:
            raise TooLarge(
                f"The file {self._name!r} is larger than {self._max_file_bytes:,} bytes, the "
                "limit of this server (HEADRACE_MAX_UPLOAD_BYTES)."
            )
        if self._file is not None:
            self._file.write(data[start:end])

    def _on_end(self) -> None:
        if self._filename is None:
            self.fields.append((self._name, self._text.decode()))
            return
        if self._file is not None:
            self._file.close()
            self._file = None
        # Some callers send a whole path; what is before its last segment is their own matter.
        base = PurePosixPath(self._filename.replace("\\", "/")).name
        usable = "".join(c for c in base if c.isprintable())[:200].strip()
        self.files[self._name] = UploadedFile(self._path, usable or self._name, self._size)

    def _on_last(self) -> None:
        self.is_complete = True
