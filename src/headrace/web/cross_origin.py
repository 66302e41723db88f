"""Calls of endpoints from pages of other origins, by a browser (CORS)."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.types import Receive, Scope, Send

from headrace.wire.answers import VERSION

ENDPOINTS = "/endpoints/"
"""The beginning of the paths of endpoints; no other path is opened to other origins."""


def endpoint_access(origins: Sequence[str]) -> Middleware:
    """Return the middleware that lets pages of these origins call endpoints, and read every answer.

    It stands around the whole application, so that answers about routes that do not exist are
    readable too. Credentials that a browser adds by itself (cookies) are never asked for.

    Args:
        origins: As browsers send them; ``*`` is all.
    """
    return Middleware(
        _EndpointAccess,
        allow_origins=tuple(origins),
        allow_methods=("GET", "POST"),
        allow_headers=("Authorization", "Content-Type", "Idempotency-Key", "Prefer", VERSION),
        expose_headers=("Location", "Craft-Ai-Execution-Id", VERSION, "Content-Disposition"),
    )


class _EndpointAccess(CORSMiddleware):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_call = scope["type"] == "http" and scope["path"].startswith(ENDPOINTS)
        await (super().__call__ if is_call else self.app)(scope, receive, send)
