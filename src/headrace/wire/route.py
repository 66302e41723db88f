"""A route: its method and path, and the right that it needs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from headrace.core.rights import Right

PREFIX = "/api/v1"

_PLACEHOLDER = re.compile(r"{(\w+)(?::path)?}")
_REST_OF_PATH = re.compile(r":path}")


class Open(StrEnum):
    """Credentials of a route that needs no access token."""

    NOTHING = "nothing"
    SIGNATURE = "signature"
    """The URL is signed, and brings a right of its own."""
    ENDPOINT_TOKEN = "endpoint-token"  # noqa: S105 - the name of a kind
    """The endpoint's own token."""


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """One route, which is equal to itself alone: each request looks some up.

    Attributes:
        method: HTTP method.
        path: Path below ``root``, with ``{placeholders}``; a ``{placeholder:path}`` may hold
            slashes.
        summary: Its purpose, for the API's document.
        needs: The right that the caller must have, or what is asked for in place of one.
        root: The beginning of its URL, before the path; endpoints are not below :data:`PREFIX`.
        is_page: Whether it answers people with pages, refusals included.
        begins_work: Whether a server that takes no work refuses it before it reads the body.
    """

    method: str
    path: str
    summary: str
    needs: Right | Open
    root: str = PREFIX
    is_page: bool = False
    begins_work: bool = False

    @property
    def is_public(self) -> bool:
        """Whether it needs neither an access token nor the token of an endpoint."""
        return self.needs in {Open.NOTHING, Open.SIGNATURE}

    @property
    def placeholders(self) -> list[str]:
        """The names of the placeholders of its path."""
        return _PLACEHOLDER.findall(self.path)

    def url(self, **names: str) -> str:
        """Return the path with its placeholders filled in, below the server's root."""
        return self.root + _REST_OF_PATH.sub("}", self.path).format(**names)
