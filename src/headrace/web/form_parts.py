"""The parts of a multipart body, as they arrive: texts are kept, files go to disk in pieces."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from headrace.control.orders import UploadedFile
from headrace.core.errors import InvalidRequest, TooLarge
from headrace.core.filenames import usable_filename
from headrace.web.form_terms import (
    MAX_FIELDS,
    MAX_NAME_BYTES,
    MAX_PART_HEADER_BYTES,
    MAX_PART_HEADERS,
    FormTerms,
)
from headrace.wire.charsets import CHARSET_FIELD, check_charset, text_of
from headrace.wire.forms import short

MAX_BOUNDARY_LENGTH = 70
"""Of RFC 2046, 5.1.1."""

_BOUNDARY = re.compile(rb"[\x20-\x7e]*[\x21-\x7e]")
_EXTENDED_NAME = re.compile(rb"filename\*=([\w-]+)'[\w-]*'([^;\s]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FolderFile:
    """A file of a folder that was sent.

    Attributes:
        name: Its name as it was sent, which may be a path.
        path: Its bytes.
    """

    name: str
    path: Path


class FormParts:
    """Reads a multipart body piece by piece; whatever the terms do not allow ends the reading.

    Attributes:
        fields: Name and text of each field that is read, in order.
        files: The files by name, once :meth:`write` has written them.
        folder_files: The files of the folder that the terms allow, in the same way.
        is_complete: Whether the last boundary has come.
        unwritten_bytes: The bytes that :meth:`write` has to write.

    Args:
        content_type: The ``Content-Type`` of the body.
        terms: The fields and files that the form may hold.
        folder: Makes the folder for the files, when the first one comes.

    Raises:
        InvalidRequest: There is no boundary, or no parser takes it.
    """

    def __init__(self, content_type: str, terms: FormTerms, folder: Callable[[], Path]) -> None:
        self.fields: list[tuple[str, str]] = []
        self.files: dict[str, UploadedFile] = {}
        self.folder_files: list[FolderFile] = []
        self.is_complete = False
        self.unwritten_bytes = 0
        self._terms = terms
        self._folder = folder
        self._unwritten: list[tuple[Path, bytes]] = []
        self._header = [b"", b""]
        self._headers: dict[bytes, bytes] = {}
        self._name = ""
        self._filename: str | None = None
        self._charset: str | None = None
        self._is_kept = False
        self._text = bytearray()
        self._size = 0
        self._count = 0
        self._text_bytes = 0
        self._frame_bytes = 0
        self._path = Path()
        self._folder_bytes = 0
        self._parser = MultipartParser(
            _boundary_of(content_type),
            {
                "on_part_begin": self._begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_data,
                "on_part_end": self._on_end,
                "on_end": self._on_last,
            },
            max_header_count=MAX_PART_HEADERS,
            max_header_size=MAX_PART_HEADER_BYTES,
        )

    def feed(self, data: bytes) -> None:
        """Read a piece of the body.

        Raises:
            InvalidRequest: It is malformed, or has what nobody would read.
            TooLarge: It is over a limit.
        """
        self._frame_bytes += len(data)
        if not self.is_complete:
            try:
                self._parser.write(data)
            except FormParserError as error:
                raise InvalidRequest(f"The multipart body is malformed: {error}.") from None
        if self._frame_bytes > self._terms.max_frame_bytes:
            raise TooLarge(
                f"The form has more than {self._terms.max_frame_bytes:,} bytes that are neither "
                "text nor file."
            )

    def write(self) -> None:
        """Write what came of files; to be called in a thread of its own.

        Raises:
            OSError: There is no room, or the folder is gone.
        """
        pieces, self._unwritten = self._unwritten, []
        self.unwritten_bytes = 0
        for path, data in pieces:
            with path.open("ab") as file:
                file.write(data)

    def _begin(self) -> None:
        self._headers = {}
        self._text = bytearray()
        self._size = 0

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0] += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1] += data[start:end]

    def _on_header_end(self) -> None:
        name, value = self._header
        self._headers[name.lower()] = value
        self._header = [b"", b""]

    def _on_headers_finished(self) -> None:
        disposition = self._headers.get(b"content-disposition", b"")
        kind, options = parse_options_header(disposition)
        name = options.get(b"name")
        if kind != b"form-data" or name is None:
            raise InvalidRequest("A part of the multipart body has no name.")
        if len(name) > MAX_NAME_BYTES:
            raise TooLarge(f"The name of a part is longer than {MAX_NAME_BYTES:,} bytes.")
        self._name = text_of(name, "The name of a part")
        self._filename = _filename_of(disposition, options.get(b"filename"))
        if self._filename is None:
            self._begin_field(len(name))
        else:
            self._begin_file()

    def _begin_field(self, name_bytes: int) -> None:
        self._count += 1
        if self._count > MAX_FIELDS:
            raise TooLarge(f"The form has more than {MAX_FIELDS:,} fields.")
        self._is_kept = self._name == CHARSET_FIELD or self._terms.keeps_field(self._name)
        _, options = parse_options_header(self._headers.get(b"content-type"))
        self._charset = options.get(b"charset", b"").decode("latin-1")
        self._count_text(name_bytes)

    def _begin_file(self) -> None:
        folder = self._terms.folder
        if folder is not None and self._name == folder.field:
            if len(self.folder_files) == folder.max_files:
                raise TooLarge(f"The folder has more than {folder.max_files:,} files.")
        elif self._name in self.files:
            raise InvalidRequest(f"The file {short(self._name)} was sent twice.")
        else:
            self._terms.check_file(self._name)
        self._path = self._folder() / str(len(self.files) + len(self.folder_files))

    def _on_data(self, data: bytes, start: int, end: int) -> None:
        size = end - start
        self._frame_bytes -= size
        self._size += size
        if self._filename is None:
            self._count_text(size)
            if self._is_kept:
                self._text += data[start:end]
            return
        folder = self._terms.folder
        if folder is not None and self._name == folder.field:
            self._folder_bytes += size
            if self._folder_bytes > folder.max_bytes:
                raise TooLarge(
                    f"The files of the folder are larger than {folder.max_bytes:,} bytes."
                )
        elif self._size > self._terms.max_file_bytes:
            raise TooLarge(
                f"The file {short(self._name)} is larger than {self._terms.max_file_bytes:,} "
                "bytes, the limit of this server (HEADRACE_MAX_UPLOAD_BYTES)."
            )
        self._keep(data[start:end])

    def _on_end(self) -> None:
        if self._filename is None:
            if self._is_kept:
                check_charset(self._charset, bytes(self._text), f"The field {short(self._name)}")
                text = text_of(bytes(self._text), f"The field {short(self._name)}")
                self.fields.append((self._name, text))
            return
        if not self._filename and not self._size:
            # A browser sends this for a file that was not chosen.
            return
        self._keep(b"")
        if self._terms.folder is not None and self._name == self._terms.folder.field:
            self.folder_files.append(FolderFile(self._filename, self._path))
            return
        filename = usable_filename(self._filename, self._name)
        self.files[self._name] = UploadedFile(self._path, filename, self._size)

    def _on_last(self) -> None:
        self.is_complete = True

    def _keep(self, data: bytes) -> None:
        self._unwritten.append((self._path, data))
        self.unwritten_bytes += len(data)

    def _count_text(self, size: int) -> None:
        self._text_bytes += size
        if self._text_bytes > self._terms.max_text_bytes:
            raise TooLarge(
                f"The fields of the form are larger than {self._terms.max_text_bytes:,} bytes "
                f"together, {short(self._name)} among them. Send large data as a file."
            )


def _boundary_of(content_type: str) -> bytes:
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if not boundary:
        raise InvalidRequest("The multipart body has no boundary in its content type.")
    if len(boundary) > MAX_BOUNDARY_LENGTH or not _BOUNDARY.fullmatch(boundary):
        raise InvalidRequest(
            f"The boundary of the multipart body must have 1 to {MAX_BOUNDARY_LENGTH} printable "
            "ASCII characters (RFC 2046)."
        )
    return boundary


def _filename_of(disposition: bytes, plain: bytes | None) -> str | None:
    """Return the name of a file, or None if the part is no file."""
    if plain is not None:
        return text_of(plain, "The name of a file")
    # RFC 7578 forbids this way of writing it, and some clients use no other.
    found = _EXTENDED_NAME.search(disposition)
    if found is None:
        return None
    try:
        return unquote(found[2].decode("latin-1"), found[1].decode("latin-1"), errors="strict")
    except (LookupError, UnicodeDecodeError):
        raise InvalidRequest("The name of a file is not in the charset that it names.") from None
