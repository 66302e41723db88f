"""Calls as HTTP requests, and errors of the wire as exceptions."""

from __future__ import annotations

import re
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, BinaryIO
from urllib.parse import quote, unquote, urlencode, urljoin

from headrace.client.authentication import AccessToken, access_token
from headrace.client.configuration import Connection
from headrace.client.forms import encoded
from headrace.client.http import REDIRECTS, Body, Http, Response, Timeouts
from headrace.client.messages import Answer, Form, Json, Query, Raw, Request, decode_object
from headrace.client.network import network_errors
from headrace.core.errors import (
    HeadraceError,
    InvalidName,
    InvalidRequest,
    Unauthenticated,
    Unavailable,
)
from headrace.version import __version__
from headrace.wire import routes
from headrace.wire.problems import error_from
from headrace.wire.route import PREFIX, Route

ANSWER_WITHIN_S = 120.0
"""Silence, in seconds, after which a server counts as gone; longer than any request is held."""

CONNECT_WITHIN_S = 10.0

MAX_REDIRECTS = 20

_HEADERS = {"headrace-client": f"headrace@{__version__}"}

CONTROL_ROUTES = frozenset({routes.REFRESH, routes.ME, routes.USER, routes.CHANGE_ENVIRONMENT})
"""The calls that go to the control URL (wire contract, 1.1)."""

_FILENAME = re.compile(r"filename\*=UTF-8''([^;]+)", re.IGNORECASE)
_XML_MESSAGE = re.compile(r"<Message>(.*?)</Message>", re.DOTALL)


class Transport:
    """Sends calls as one user to one server. Threads may share it.

    Attributes:
        has_answered: Whether the server has answered anything so far.
    """

    def __init__(self, connection: Connection) -> None:
        self.has_answered = False
        self._connection = connection
        self._token: AccessToken | None = None
        self._lock = threading.Lock()
        self._http = Http(Timeouts(CONNECT_WITHIN_S, ANSWER_WITHIN_S))
        # A notebook makes an SDK and forgets it: its connections end with it.
        weakref.finalize(self, self._http.close)

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._http.close()

    def ask(self, route: Route, request: Request | None = None, **names: str) -> Answer:
        """Send one call; redirects are answers (wire contract, 4).

        Args:
            route: The call.
            request: What it sends.
            names: What the placeholders of the route stand for.

        Raises:
            HeadraceError: Of the class that the server raised.
            Unavailable: No server answers.
        """
        request = request or Request()
        url = self._url(route, names)
        with self._opened(route, url, request) as response:
            content = _read(response, url)
        return Answer(response.status, response.header("content-type") or "", content)

    def call(self, route: Route, request: Request | None = None, **names: str) -> Any:
        """Send one call and return the value of its answer; see :meth:`ask`."""
        return self.ask(route, request, **names).value()

    def download(self, route: Route, target: BinaryIO, **names: str) -> str | None:
        """Write the file that a call answers with, piece by piece.

        Returns:
            Its name where it came from (``""`` if that is not told), or None if there is no file.

        Raises:
            HeadraceError: As :meth:`ask`.
        """
        url = self._url(route, names)
        with self._opened(route, url, Request()) as response:
            if response.status == 204:
                return None
            _copy(response, target, url)
            found = _FILENAME.search(response.header("content-disposition") or "")
            return unquote(found[1]) if found else ""

    def download_signed(self, url: str, target: BinaryIO) -> None:
        """Write the file behind a signed URL; no credentials are shown to it.

        Raises:
            HeadraceError: As :meth:`ask`.
        """
        absolute = urljoin(self._connection.environment_url + "/", url)
        for _ in range(MAX_REDIRECTS):
            with self._answered("GET", absolute, _HEADERS) as found:
                location = found.header("location")
                if found.status not in REDIRECTS or not location:
                    _refuse(found, absolute)
                    _copy(found, target, absolute)
                    return
                _read(found, absolute)
            absolute = urljoin(absolute, location)
        raise Unavailable(f"{url} redirects without an end.")

    def upload_signed(
        self, method: str, url: str, body: Form | Raw, headers: Mapping[str, str] | None = None
    ) -> str | None:
        """Send a file to a signed URL and return the ETag of the answer; no credentials are shown.

        Raises:
            HeadraceError: As :meth:`ask`.
        """
        absolute = urljoin(self._connection.environment_url + "/", url)
        content, about = encoded(body)
        sent = {**_HEADERS, **about, **(headers or {})}
        with self._answered(method, absolute, sent, content) as answer:
            _refuse(answer, absolute)
            # A connection whose answer was not read to its end cannot be used again.
            _read(answer, absolute)
            return answer.header("etag")

    def _url(self, route: Route, names: dict[str, str]) -> str:
        connection = self._connection
        root = connection.control_url if route in CONTROL_ROUTES else connection.environment_url
        return root + route.url(**{key: _segment(key, name) for key, name in names.items()})

    @contextmanager
    def _opened(self, route: Route, url: str, request: Request) -> Iterator[Response]:
        if route.is_public or route.root != PREFIX:
            # An endpoint knows its own token alone, which the request brings along.
            with self._sent(route, url, request, None) as response:
                _refuse(response, url)
                yield response
            return
        token = self._authorised()
        with self._sent(route, url, request, token) as response:
            if response.status != 401 or not request.can_be_sent_again:
                _refuse(response, url)
                yield response
                return
        # The access token may have ended early, as when the server's key changed: ask once more.
        token = self._authorised(refused=token)
        with self._sent(route, url, request, token) as response:
            _refuse(response, url)
            yield response

    @contextmanager
    def _sent(
        self, route: Route, url: str, request: Request, token: str | None
    ) -> Iterator[Response]:
        content, about = encoded(request.body)
        headers = {**_HEADERS, **request.headers, **about}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        query = [(key, one) for key, one in _pairs(request.query or {}) if one is not None]
        asked = f"{url}?{urlencode(query)}" if query else url
        timeouts = None
        if request.answer_within_s is not None:
            connect_s = min(CONNECT_WITHIN_S, request.answer_within_s)
            timeouts = Timeouts(connect_s, request.answer_within_s)
        with self._answered(route.method, asked, headers, content, timeouts) as response:
            yield response

    @contextmanager
    def _answered(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: Body = None,
        timeouts: Timeouts | None = None,
    ) -> Iterator[Response]:
        with ExitStack() as stack:
            # What the caller does with the answer is none of the network's faults.
            with network_errors(url):
                sent = self._http.sent(method, url, headers, content, timeouts)
                response = stack.enter_context(sent)
            self.has_answered = True
            yield response

    def _authorised(self, refused: str | None = None) -> str:
        with self._lock:
            token = self._token
            now = time.monotonic()
            if token is None or not token.is_fresh(now) or token.text == refused:
                token = self._token = access_token(self._refresh(), now)
            return token.text

    def _refresh(self) -> str:
        body = Json({"refresh_token": self._connection.token})
        answer = self.call(routes.REFRESH, Request(body=body))
        text = answer.get("access_token") if isinstance(answer, dict) else None
        if not isinstance(text, str):
            url = self._connection.control_url
            raise Unauthenticated(f"The server at {url} gave no access token: it is no Headrace.")
        return text


def _pairs(query: Query) -> Iterator[tuple[str, str | int | None]]:
    for key, value in query.items():
        if isinstance(value, tuple):
            yield from ((key, one) for one in value)
        else:
            yield key, value


def _segment(key: str, name: object) -> str:
    # A name that is no text or is a dot would be another route, and another answer.
    if not isinstance(name, str) or name in {"", ".", ".."}:
        raise InvalidName(f"{key} must be a name, not {name!r}.")
    return quote(name, safe="")


def _read(response: Response, url: str) -> bytes:
    with network_errors(url):
        return response.read()


def _copy(response: Response, target: BinaryIO, url: str) -> None:
    pieces = response.pieces()
    while True:
        with network_errors(url):
            piece = next(pieces, None)
        if piece is None:
            return
        target.write(piece)


def _refuse(response: Response, url: str) -> None:
    """Raise the error that a response stands for, if it stands for one."""
    status = response.status
    if status < 400:
        return
    content = _read(response, url)
    try:
        body = decode_object(content, "The error")
    except InvalidRequest:
        raise _unexplained(status, content, url) from None
    error = error_from(status, body)
    if type(error) is HeadraceError and body.get("request_id"):
        error.add_note(f"Request id, for the server's log: {body['request_id']}")
    raise error


def _unexplained(status: int, content: bytes, url: str) -> HeadraceError:
    text = content[:2000].decode("utf-8", "replace")
    found = _XML_MESSAGE.search(text)
    words = found[1] if found else " ".join(text.split())[:200]
    root = "/".join(url.split("/", 3)[:3])
    return error_from(
        status, {"message": f"The server at {root} answered with status {status}: {words}"}
    )
