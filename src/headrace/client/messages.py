"""What a call sends and what comes back, in terms of no HTTP library."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from headrace.core.errors import InvalidRequest

Query = Mapping[str, "str | int | tuple[str, ...] | None"]

BYTES_TYPES = ("application/octet-stream", "text/csv")
"""Media types whose body is the value itself (wire contract, 1.3)."""


class Reading:
    """A binary file as the HTTP library sees it: to be read, and of a size not told beforehand.

    A pipe has no size, a compressed file's descriptor has another than its content, and a file may
    grow while it is sent.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes; none at the end."""
        return self._file.read(size)

    def seek(self, offset: int) -> int:
        """Go to ``offset``, so that the file can be sent from its beginning, and once more.

        Raises:
            io.UnsupportedOperation: The file cannot seek.
        """
        if not self.seekable():
            raise io.UnsupportedOperation("seek")
        return self._file.seek(offset)

    def seekable(self) -> bool:
        """Check whether :meth:`seek` can be used."""
        can = getattr(self._file, "seekable", None)
        return can is not None and can()


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file of a multipart body.

    Attributes:
        name: Name of the field.
        filename: Base name that the server is told.
        content: The bytes, or a file that is read while it is sent.
    """

    name: str
    filename: str
    content: Reading | bytes

    @property
    def can_be_sent_again(self) -> bool:
        """Whether the content is still there after it was read once."""
        return isinstance(self.content, bytes) or self.content.seekable()


@dataclass(frozen=True, slots=True)
class Form:
    """A form: urlencoded without files, multipart with them (wire contract, 3)."""

    fields: tuple[tuple[str, str], ...] = ()
    files: tuple[FilePart, ...] = ()


@dataclass(frozen=True, slots=True)
class Json:
    """A JSON body."""

    value: Any


@dataclass(frozen=True, slots=True)
class Raw:
    """A body of bytes."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """All that is sent, except for where to and as whom.

    Attributes:
        query: Parameters of the query; a None is left out, and a tuple gives one several times.
        body: The body, if any.
        answer_within_s: Seconds that the server may take; None leaves it to the transport.
        headers: Further headers, in lower case.
    """

    query: Query | None = None
    body: Form | Json | Raw | None = None
    answer_within_s: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def can_be_sent_again(self) -> bool:
        """Whether sending it a second time sends the same bytes."""
        return not isinstance(self.body, Form) or all(
            part.can_be_sent_again for part in self.body.files
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is no error."""

    status: int
    media_type: str
    content: bytes

    def value(self) -> Any:
        """Return the value of the answer: bytes for a file, None for nothing, otherwise JSON.

        Raises:
            InvalidRequest: The body is no JSON, so this is no Headrace server.
        """
        if any(kind in self.media_type for kind in BYTES_TYPES):
            return self.content
        if self.status == 204 or self.content == b"OK":
            return None
        return decode(self.content, "The server's answer")


def decode(text: bytes | str, what: str) -> Any:
    """Return the value of a JSON text; ``what`` names it in the message.

    Raises:
        InvalidRequest: It is no JSON.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"{what} is not valid JSON: {error}.") from None


def decode_object(text: bytes | str, what: str) -> dict[str, Any]:
    """Return the JSON object of a text; nothing at all means ``{}``.

    Raises:
        InvalidRequest: It is no JSON object.
    """
    value = decode(text, what) if text.strip() else {}
    if not isinstance(value, dict):
        raise InvalidRequest(f"{what} must be a JSON object, such as {{}}.")
    return value


def base_name(path: object) -> str | None:
    """Return the last segment of a path, or None if this is none (a descriptor, nothing)."""
    if isinstance(path, str | os.PathLike):
        return Path(path).name or None
    return None
