"""Reading an upload by form as it arrives: its fields first, then the bytes of its file."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from headrace.core.errors import InvalidRequest, TooLarge

FILE_PART = "file"
MAX_FIELDS = 100
MAX_FIELDS_BYTES = 64 * 1024
MAX_HEADERS_PER_PART = 16
MAX_HEADER_BYTES = 8 * 1024


async def file_part(
    stream: AsyncIterator[bytes], content_type: str
) -> tuple[dict[str, str], AsyncIterator[bytes]]:
    """Read a form up to its file and return its fields, and the file as chunks.

    Holds no more than one chunk of ``stream`` and the fields. What follows the file is not read
    into anything, but the form must end properly: a body that was cut off is an error of the last
    chunk, so a store that is putting the chunks keeps nothing of it.

    Raises:
        InvalidRequest: It is no such form; also while chunks are read.
        TooLarge: More than :data:`MAX_FIELDS` fields or :data:`MAX_FIELDS_BYTES` bytes of them.
    """
    form = _Form(_boundary(content_type))
    async for data in stream:
        form.feed(data)
        if form.file_seen:
            return form.fields, _chunks(form, stream)
    raise InvalidRequest(
        f"The form ended before its part {FILE_PART!r}: send the fields, then the file."
    )


async def _chunks(form: _Form, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    while True:
        while form.chunks:
            yield form.chunks.popleft()
        try:
            form.feed(await anext(stream))
        except StopAsyncIteration:
            break
    if not form.ended:
        raise InvalidRequest("The form was cut off before its end: send it again.")


def _boundary(content_type: str) -> bytes:
    kind, options = parse_options_header(content_type.encode("latin-1", "replace"))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise InvalidRequest("The upload must be a form of type multipart/form-data.")
    return boundary


class _Form:
    """What the parser has found so far."""

    def __init__(self, boundary: bytes) -> None:
        self.fields: dict[str, str] = {}
        self.chunks: deque[bytes] = deque()
        self.file_seen = False
        self.ended = False
        self._in_file = False
        self._name: str | None = None
        self._header = bytearray()
        self._header_value = bytearray()
        self._value = bytearray()
        self._field_bytes = 0
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._on_part_begin,
                    "on_header_field": self._on_header_field,
                    "on_header_value": self._on_header_value,
                    "on_header_end": self._on_header_end,
                    "on_headers_finished": self._on_headers_finished,
                    "on_part_data": self._on_part_data,
                    "on_part_end": self._on_part_end,
                    "on_end": self._on_end,
                },
                max_header_count=MAX_HEADERS_PER_PART,
                max_header_size=MAX_HEADER_BYTES,
            )
        except FormParserError as error:
            raise _malformed(error) from error

    def feed(self, data: bytes) -> None:
        """Parse some more of the body; raises InvalidRequest, TooLarge."""
        try:
            self._parser.write(data)
        except FormParserError as error:
            raise _malformed(error) from error

    def _on_part_begin(self) -> None:
        self._name = None

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            kind, options = parse_options_header(bytes(self._header_value))
            name = options.get(b"name")
            if kind == b"form-data" and name is not None:
                self._name = _decoded(name)
        self._header.clear()
        self._header_value.clear()

    def _on_headers_finished(self) -> None:
        if self._name is None:
            raise InvalidRequest("A part of the form has no name.")
        if self.file_seen:
            return
        if self._name == FILE_PART:
            self.file_seen = self._in_file = True
        elif len(self.fields) >= MAX_FIELDS:
            raise TooLarge(f"The form has more than {MAX_FIELDS} fields.")
        else:
            self._count(len(self._name))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self.chunks.append(data[start:end])
        elif not self.file_seen:
            self._count(end - start)
            self._value += data[start:end]

    def _on_part_end(self) -> None:
        if not self.file_seen and self._name is not None:
            if self._name in self.fields:
                raise InvalidRequest(f"The form has the field {self._name!r} twice.")
            self.fields[self._name] = _decoded(bytes(self._value))
            self._value.clear()
        self._in_file = False

    def _on_end(self) -> None:
        self.ended = True

    def _count(self, size: int) -> None:
        self._field_bytes += size
        if self._field_bytes > MAX_FIELDS_BYTES:
            raise TooLarge(f"The fields of the form exceed {MAX_FIELDS_BYTES} bytes.")


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequest("The names and fields of the form must be UTF-8.") from error


def _malformed(error: FormParserError) -> InvalidRequest:
    return InvalidRequest(f"The form is malformed: {error}.")
