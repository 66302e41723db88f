"""Styles, scripts and pictures of the pages: read once, kept by browsers for ever."""

from __future__ import annotations

import functools
import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

from starlette.responses import Response

from headrace.core.errors import NotFound
from headrace.web.exchange import Exchange

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOLDERS = ("assets", "vendor")
"""Ours, and those of others, which ``make setup`` fetches and a wheel holds."""


@dataclass(frozen=True, slots=True)
class Assets:
    """The static files of pages, such as styles and scripts.

    Attributes:
        stamp: Changes whenever any of them does, and is in their addresses.
        files: Content by name.
        packed: The same, compressed by gzip. Nothing in them is secret, as it is in pages, whose
            length would tell of it if they were compressed with what their address says.
    """

    stamp: str
    files: Mapping[str, bytes]
    packed: Mapping[str, bytes]

    def url(self, name: str) -> str:
        """Return the address of a file.

        Raises:
            LookupError: There is none of that name.
        """
        if name not in self.files:
            raise LookupError(f"the console has no file {name!r}: run make setup, or install again")
        return f"/assets/{self.stamp}/{name}"


@functools.cache
def read_assets() -> Assets:
    """Return the files of this installation."""
    files = {
        entry.name: entry.read_bytes()
        for folder in _FOLDERS
        for entry in sorted(resources.files("headrace.console").joinpath(folder).iterdir(), key=str)
        if _suffix(entry.name) in _TYPES
    }
    digest = hashlib.sha256(b"\0".join(name.encode() + files[name] for name in files))
    packed = {name: gzip.compress(content, 9, mtime=0) for name, content in files.items()}
    return Assets(digest.hexdigest()[:16], files, packed)


async def asset(exchange: Exchange) -> Response:
    """Send a file. Its address changes with its content, so that it is never asked for again.

    Raises:
        NotFound: There is none of that name.
    """
    assets, name = read_assets(), exchange.request.path_params["name"]
    content = assets.files.get(name)
    if content is None:
        raise NotFound(f"The console has no file {name!r:.80}.")
    is_current = exchange.request.path_params["stamp"] == assets.stamp
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable" if is_current else "no-store",
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
    }
    if _takes_gzip(exchange.request.headers.get("accept-encoding", "")):
        content, headers["Content-Encoding"] = assets.packed[name], "gzip"
    return Response(content, media_type=_TYPES[_suffix(name)], headers=headers)


def _takes_gzip(accepted: str) -> bool:
    """Check whether a client says that it takes gzip; one that refuses it says a weight of 0."""
    for part in accepted.lower().split(","):
        coding, _, weight = (piece.strip() for piece in part.partition(";"))
        if coding == "gzip":
            return weight.replace(" ", "").rstrip("0.") != "q="
    return False


def _suffix(name: str) -> str:
    return name[name.rfind(".") :]
