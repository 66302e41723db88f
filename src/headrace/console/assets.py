"""Styles, scripts and pictures of the pages: read once, kept by browsers for ever."""

from __future__ import annotations

import functools
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
    """All that pages refer to.

    Attributes:
        stamp: Changes whenever any of them does, and is in their addresses.
        files: Content by name.
    """

    stamp: str
    files: Mapping[str, bytes]

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
    return Assets(digest.hexdigest()[:16], files)


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
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, media_type=_TYPES[_suffix(name)], headers=headers)


def _suffix(name: str) -> str:
    return name[name.rfind(".") :]
