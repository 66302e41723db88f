"""Headers of files: the name and the type of each, never shown as a page of this server."""

from __future__ import annotations

import mimetypes
from collections.abc import Mapping
from urllib.parse import quote

from headrace.wire.eras.versions import CLIENT_HEADER

BYTES = "application/octet-stream"

OWN_CLIENT_HEADER = "headrace-client"

# The module's own table, whatever files of the machine say.
_types = mimetypes.MimeTypes(())
_COMPRESSED = {"gzip": "application/gzip", "bzip2": "application/x-bzip2", "xz": "application/x-xz"}


def type_of(filename: str) -> str:
    """Return the media type that the suffix of a name stands for."""
    kind, compression = _types.guess_type(filename.lower())
    if compression is not None:
        return _COMPRESSED.get(compression, BYTES)
    return kind or BYTES


def attachment(filename: str, more: str = "") -> dict[str, str]:
    """Return the headers that name a file (RFC 6266) and keep browsers from showing it."""
    plain = "".join(
        c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in filename
    )
    disposition = f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
    return {
        "Content-Disposition": f"{disposition}; {more}" if more else disposition,
        "X-Content-Type-Options": "nosniff",
    }


def type_for(headers: Mapping[str, str], filename: str) -> str:
    """Return the media type of a file for whoever asks with these headers.

    Clients of the contract and ours know a file by its being bytes; for them it has no other type.
    """
    is_client = CLIENT_HEADER in headers or OWN_CLIENT_HEADER in headers
    return BYTES if is_client else type_of(filename)


def is_old_client(headers: Mapping[str, str]) -> bool:
    """Check whether this may be the public client up to 0.62, which asks for results unnamed.

    It sends what the library under it sends, and takes anything that is not bytes for JSON.
    """
    return headers.get("user-agent", "").startswith("python-requests/")
