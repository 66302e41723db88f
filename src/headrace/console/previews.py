"""Previews: the beginning of a file as a picture, a table or a text, and never as a page."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
from starlette.responses import Response

from headrace.core.errors import NotFound
from headrace.objects.port import ObjectReader

ISOLATED = "sandbox; default-src 'none'"
"""The security policy of whatever users wrote: it can do nothing, also if it is opened alone."""

READ_BYTES = 65_536
"""So much of a file is looked at."""

IMAGE_BYTES = 20_000_000
"""A larger picture is not shown."""

ROWS = 50
COLUMNS = 40
CELL = 200
LINES = 400

_IMAGES = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_TABLES = {".csv": ",", ".tsv": "\t"}


@dataclass(frozen=True, slots=True)
class Preview:
    """The beginning of a file.

    Attributes:
        kind: ``image``, ``table``, ``text``, or ``none`` if it cannot be shown.
        text: The text, or why there is none.
        rows: Of a table, with the names of its columns first.
        is_cut: Whether there is more.
    """

    kind: str
    text: str = ""
    rows: Sequence[Sequence[str]] = ()
    is_cut: bool = False


async def preview_of(reader: ObjectReader, name: str) -> Preview:
    """Return the preview of a file, which is closed then.

    Args:
        reader: The file, opened from its beginning.
        name: Its name, whose suffix tells tables from other texts.
    """
    size, begin = reader.length, await _beginning(reader)
    if not size:
        return Preview("none", "The file is empty.")
    if _image_type(begin):
        if size > IMAGE_BYTES:
            return Preview("none", "The picture is too large to show.")
        return Preview("image")
    if b"\0" in begin:
        return Preview("none", "It is neither text nor a picture.")
    is_cut = size > len(begin)
    try:
        # The last character may have been cut.
        text = begin.decode(errors="ignore" if is_cut else "strict")
    except UnicodeDecodeError:
        return Preview("none", "It is neither text nor a picture.")
    suffix = name[name.rfind(".") :].lower()
    if suffix in _TABLES:
        return _table(text, _TABLES[suffix], is_cut=is_cut)
    if suffix == ".json" and not is_cut:
        text = _indented(text)
    lines = text.splitlines()
    return Preview("text", "\n".join(lines[:LINES]), is_cut=is_cut or len(lines) > LINES)


async def image_response(reader: ObjectReader) -> Response:
    """Return the answer that sends a picture to be shown in a page.

    Raises:
        NotFound: The file is no picture, or too large to show.
    """
    try:
        kind, content = "", b""
        if reader.length <= IMAGE_BYTES:
            content = b"".join([chunk async for chunk in reader])
            kind = _image_type(content)
    finally:
        await reader.aclose()
    if not kind:
        raise NotFound("The file is no picture that can be shown: download it.")
    headers = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": ISOLATED,
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, media_type=kind, headers=headers)


async def _beginning(reader: ObjectReader) -> bytes:
    begin = b""
    try:
        async for chunk in reader:
            begin += chunk
            if len(begin) >= READ_BYTES:
                break
    finally:
        await reader.aclose()
    return begin[:READ_BYTES]


def _image_type(content: bytes) -> str:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for mark, kind in _IMAGES if content.startswith(mark)), "")


def _table(text: str, delimiter: str, *, is_cut: bool) -> Preview:
    lines = text.splitlines(keepends=True)
    if is_cut and len(lines) > 1:
        # The last line may be a part of one.
        lines.pop()
    try:
        found = list(csv.reader(io.StringIO("".join(lines)), delimiter=delimiter))
    except csv.Error:
        return Preview("text", "".join(lines[:LINES]), is_cut=is_cut or len(lines) > LINES)
    rows = [[cell[:CELL] for cell in row[:COLUMNS]] for row in found[: ROWS + 1]]
    is_wide = any(len(row) > COLUMNS for row in found)
    return Preview("table", rows=rows, is_cut=is_cut or is_wide or len(found) > ROWS + 1)


def _indented(text: str) -> str:
    try:
        return msgspec.json.format(text, indent=2)
    except (msgspec.DecodeError, RecursionError):
        return text
