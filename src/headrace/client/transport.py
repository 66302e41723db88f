"""HTTP: the only module that knows httpx, and where errors of the wire become exceptions."""

from __future__ import annotations

import re
import threading
import time
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO
from urllib.parse import quote, unquote, urljoin

import httpx

from headrace.client.authentication import AccessToken, access_token
from headrace.client.configuration import Connection
from headrace.client.messages import Answer, Form, Json, Raw, Request
from headrace.core.errors import (
    HeadraceError,
    InvalidName,
    InvalidRequest,
    Unauthenticated,
    Unavailable,
)
from headrace.version import __version__
from headrace.wire import routes
from headrace.wire.codec import decode_object, encode
from headrace.wire.problems import error_from
from headrace.wire.routes import Route

ANSWER_WITHIN_S = 120.0
"""Silence, in seconds, after which a server counts as gone; longer than any request is held."""

CONNECT_WITHIN_S = 10.0

PIECE_BYTES = 1 << 17

CONTROL_ROUTES = frozenset({routes.REFRESH, routes.ME, routes.USER})
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
        self._http = httpx.Client(
            headers={"headrace-client": f"headrace@{__version__}"},
            timeout=httpx.Timeout(ANSWER_WITHIN_S, connect=CONNECT_WITHIN_S),
            # A proxy of the environment is for the world outside, never for this machine.
            mounts={"all://127.0.0.1": None, "all://localhost": None, "all://[::1]": None},
        )
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
        media_type = response.headers.get("content-type", "")
        return Answer(response.status_code, media_type, content)

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
            if response.status_code == 204:
                return None
            _copy(response, target, url)
            found = _FILENAME.search(response.headers.get("content-disposition", ""))
            return unquote(found[1]) if found else ""

    def download_signed(self, url: str, target: BinaryIO) -> None:
        """Write the file behind a signed URL; no credentials are shown to it.

        Raises:
            HeadraceError: As :meth:`ask`.
        """
        absolute = urljoin(self._connection.environment_url + "/", url)
        with _network(absolute), self._http.stream("GET", absolute, follow_redirects=True) as found:
            _refuse(found, absolute)
            _copy(found, target, absolute)

    def upload_signed(
        self, method: str, url: str, body: Form | Raw, headers: Mapping[str, str] | None = None
    ) -> str | None:
        """Send a file to a signed URL and return the ETag of the answer; no credentials are shown.

        Raises:
            HeadraceError: As :meth:`ask`.
        """
        absolute = urljoin(self._connection.environment_url + "/", url)
        arguments = _body_arguments(body)
        sent = {**arguments.pop("headers", {}), **(headers or {})}
        with (
            _network(absolute),
            self._http.stream(method, absolute, headers=sent, **arguments) as answer,
        ):
            _refuse(answer, absolute)
            # A connection whose answer was not read to its end cannot be used again.
            _read(answer, absolute)
            etag: str | None = answer.headers.get("etag")
            return etag

    def _url(self, route: Route, names: dict[str, str]) -> str:
        connection = self._connection
        root = connection.control_url if route in CONTROL_ROUTES else connection.environment_url
        return root + route.url(**{key: _segment(key, name) for key, name in names.items()})

    @contextmanager
    def _opened(self, route: Route, url: str, request: Request) -> Iterator[httpx.Response]:
        if route.is_public or route.root != routes.PREFIX:
            # An endpoint knows its own token alone, which the request brings along.
            with self._sent(route, url, request, None) as response:
                _refuse(response, url)
                yield response
            return
        token = self._authorised()
        with self._sent(route, url, request, token) as response:
            if response.status_code != 401 or not request.can_be_sent_again:
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
    ) -> Iterator[httpx.Response]:
        arguments = _body_arguments(request.body)
        headers = {**request.headers, **arguments.pop("headers", {})}
        if token is not None:
            headers["authorization"] = f"Bearer {token}"
        if request.query is not None:
            arguments["params"] = {k: v for k, v in request.query.items() if v is not None}
        if request.answer_within_s is not None:
            arguments["timeout"] = httpx.Timeout(
                request.answer_within_s, connect=min(CONNECT_WITHIN_S, request.answer_within_s)
            )
        with (
            _network(url),
            self._http.stream(route.method, url, headers=headers, **arguments) as response,
        ):
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


def _body_arguments(body: Form | Json | Raw | None) -> dict[str, Any]:
    match body:
        case None:
            return {}
        case Raw():
            length = str(len(body.content))
            return {"content": _pieces(body.content), "headers": {"content-length": length}}
        case Json():
            return {
                "content": encode(body.value),
                "headers": {"content-type": "application/json"},
            }
    fields: dict[str, list[str]] = {}
    for name, text in body.fields:
        fields.setdefault(name, []).append(text)
    files = [(part.name, (part.filename, part.content)) for part in body.files]
    return {"data": fields, "files": files} if files else {"data": fields}


def _pieces(content: bytes) -> Iterator[bytes]:
    # The HTTP library copies what is left of a piece each time that it could send some of it.
    for begin in range(0, len(content), PIECE_BYTES):
        yield content[begin : begin + PIECE_BYTES]


def _segment(key: str, name: object) -> str:
    # A name that is no text or is a dot would be another route, and another answer.
    if not isinstance(name, str) or name in {"", ".", ".."}:
        raise InvalidName(f"{key} must be a name, not {name!r}.")
    return quote(name, safe="")


@contextmanager
def _network(url: str) -> Iterator[None]:
    """Say as an error of Headrace what went wrong on the way."""
    root = "/".join(url.split("/", 3)[:3])
    try:
        yield
    except httpx.ConnectError as error:
        raise Unavailable(
            f"No server answers at {root}: is `headrace serve` running? ({error})"
        ) from error
    except httpx.TimeoutException as error:
        raise Unavailable(f"The server at {root} did not answer in time.") from error
    except httpx.TransportError as error:
        raise Unavailable(f"The connection to {root} broke: {error}") from error
    except httpx.InvalidURL as error:
        raise InvalidRequest(f"{url!r} is not a URL: {error}") from error


def _read(response: httpx.Response, url: str) -> bytes:
    with _network(url):
        return response.read()


def _copy(response: httpx.Response, target: BinaryIO, url: str) -> None:
    pieces = response.iter_bytes()
    while True:
        with _network(url):
            piece = next(pieces, None)
        if piece is None:
            return
        target.write(piece)


def _refuse(response: httpx.Response, url: str) -> None:
    """Raise the error that a response stands for, if it stands for one."""
    status = response.status_code
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
