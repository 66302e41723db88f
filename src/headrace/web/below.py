"""A server that callers reach below a path of a shared host, as its public URL says.

Paths within the server never have the prefix. It is taken away from requests, if the reverse proxy
has not done so, and put before where an answer leads: redirections, cookies, links of pages.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_KEY = "headrace.below"
_LINK = re.compile(r'(\s(?:href|src|action|formaction|hx-get|hx-post)=")/(?!/)')
_COOKIE_PATH = re.compile(r"; Path=/(?=;|$)", re.IGNORECASE)


def prefix_of(public_url: str) -> str:
    """Return the path below which a public URL has the server; empty for a host of its own."""
    return urlsplit(public_url).path.rstrip("/")


def prefix_for(request: Request) -> str:
    """Return the prefix of the links in the answer to a request."""
    return str(request.scope.get(_KEY, ""))


def with_prefix(request: Request, page: str) -> str:
    """Return a page whose links to this server have the prefix.

    Links are written in templates, and quotes in what users wrote are escaped: none of theirs is
    taken for one.
    """
    prefix = prefix_for(request)
    return _LINK.sub(rf"\g<1>{prefix}/", page) if prefix else page


class Below:
    """The application, reached below a path.

    Args:
        app: The application.
        prefix: The path, such as ``/headrace``.
        paths: Paths of the application, of which one may begin like the prefix: a proxy that
            leaves the prefix in requests cannot be told apart then, and is not helped.
    """

    def __init__(self, app: ASGIApp, prefix: str, paths: Iterable[str]) -> None:
        self._app = app
        self._prefix = prefix
        first = prefix.split("/")[1]
        self._takes_away = all(path.split("/")[1] != first for path in paths)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        inner = {**scope, _KEY: self._prefix}
        if self._takes_away:
            inner["path"] = self._inside(scope["path"])

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._lead(MutableHeaders(raw=message["headers"]))
            await send(message)

        await self._app(inner, receive, answer)

    def _inside(self, path: str) -> str:
        rest = path.removeprefix(self._prefix)
        return (rest or "/") if rest != path and rest[:1] in {"", "/"} else path

    def _lead(self, headers: MutableHeaders) -> None:
        location = headers.get("location", "")
        if location.startswith("/") and not location.startswith("//"):
            headers["location"] = self._prefix + location
        cookies = headers.getlist("set-cookie")
        if cookies:
            del headers["set-cookie"]
            for cookie in cookies:
                headers.append("set-cookie", _COOKIE_PATH.sub(f"; Path={self._prefix}", cookie))
