"""A short way for the calls that are most frequent: plain JSON to the pods of an endpoint.

What is not exactly that goes the long way, through routing and the handlers of
:mod:`headrace.endpoints.calls`. That is decided by the head of a request and the endpoint, before
the body is read; both ways read values, refuse and answer by the same functions. This one begins
where a request has been parsed and ends where an answer can be sent, without a task or a coroutine.
"""

from __future__ import annotations

import hmac
import logging
import time
import uuid
from collections.abc import Callable
from functools import partial

from headrace.control.endpoint_cache import Endpoint, EndpointCache
from headrace.control.warm import Made, StillRunning, WarmAnswer, WarmCalls
from headrace.core.errors import HeadraceError, Unavailable
from headrace.core.values import MAX_VALUES_BYTES
from headrace.web import request_log
from headrace.wire.answers import (
    ENDPOINT_TOKEN,
    MAX_HOLD_S,
    Answer,
    RawHeaders,
    defect,
    refusal,
    render,
)
from headrace.wire.call_answers import ended, results_url, see_other
from headrace.wire.problems import status_of

logger = logging.getLogger(__name__)

OnReply = Callable[[int, RawHeaders, bytes], None]
"""Sends an answer: its status, its headers and its body."""

_PREFIX = b"/endpoints/"
_PLAIN_HEADERS = frozenset(
    {
        b"host",
        b"user-agent",
        b"accept-encoding",
        b"accept-language",
        b"connection",
        b"cache-control",
        b"pragma",
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-forwarded-host",
        b"x-request-id",
        b"traceparent",
    }
)
"""Headers that change nothing about a call; with any other but type and token, it is not plain."""

_LENGTH_DIGITS = len(str(MAX_VALUES_BYTES))


class Express:
    """Recognises plain calls, has them made, and answers them."""

    def __init__(
        self,
        endpoints: EndpointCache,
        warm_calls: WarmCalls,
        public_url: str,
        max_input_bytes: int,
    ) -> None:
        # What is larger is nothing for the event loop, or refused, which is not said here.
        self._max_bytes = min(max_input_bytes, MAX_VALUES_BYTES)
        self._public_url = public_url
        self._endpoints = endpoints
        self._warm_calls = warm_calls

    def endpoint_of(self, method: bytes, target: bytes, headers: RawHeaders) -> Endpoint | None:
        """Return the endpoint that a request calls plainly, as far as its head tells; else None.

        Args:
            method: The request's method.
            target: Its target, as it was sent.
            headers: Its headers, names in lower case.
        """
        if method != b"POST" or not target.startswith(_PREFIX):
            return None
        # With a query or an escape it names no endpoint, and goes the long way.
        endpoint = self._endpoints.find(target[len(_PREFIX) :].decode("latin-1"))
        if endpoint is None or not self._warm_calls.can_answer(endpoint.deployment):
            return None
        return endpoint if is_plain(headers, endpoint) else None

    def knows(self, endpoint: Endpoint) -> bool:
        """Check whether an endpoint that was recognised before has not changed since."""
        return self._endpoints.find(endpoint.deployment.url_path or "") is endpoint

    def begin(self, endpoint: Endpoint, body: bytes, on_reply: OnReply) -> bool:
        """Begin a call that :meth:`endpoint_of` recognised; False if it is not plain after all.

        Nothing of the body was read then. Otherwise ``on_reply`` is called once, now or later.
        """
        if not 0 < len(body) <= self._max_bytes:
            return False
        reply = partial(self._reply, endpoint, on_reply)
        began = time.perf_counter()
        try:
            return self._warm_calls.begin(endpoint.deployment, body, MAX_HOLD_S, reply)
        except Unavailable as error:
            # Mostly that too many wait: there is no time for a line about each.
            reply(error)
        except HeadraceError as error:
            reply(error)
            path = _PREFIX + (endpoint.deployment.url_path or "").encode()
            request_log.say("POST", path, status_of(error), began)
        except Exception as error:  # noqa: BLE001 - a defect; whoever asked must hear of it
            reply(error)
        return True

    def _reply(self, endpoint: Endpoint, on_reply: OnReply, made: Made) -> None:
        try:
            answer = self._answer(endpoint, made)
        except HeadraceError as error:
            answer = refusal(error, str(uuid.uuid4()), ENDPOINT_TOKEN)
        on_reply(*render(answer))

    def _answer(self, endpoint: Endpoint, made: Made) -> Answer:
        if isinstance(made, WarmAnswer):
            return ended(made.execution_id, made.outputs, made.failure, made.version)
        if isinstance(made, StillRunning):
            path = endpoint.deployment.url_path or ""
            execution_id, token = made.execution_id, endpoint.token
            location = results_url(self._public_url, path, execution_id, token, is_wrapped=False)
            return see_other(execution_id, location, made.version)
        if isinstance(made, HeadraceError):
            raise made
        request_id = str(uuid.uuid4())
        logger.error("request %s: a call of a pod failed", request_id, exc_info=made)
        return defect(request_id)


def is_plain(headers: RawHeaders, endpoint: Endpoint) -> bool:
    """Check whether a call has the endpoint's token, is JSON, and asks for nothing special."""
    has_token = False
    for name, value in headers:
        if name in _PLAIN_HEADERS:
            continue
        if name == b"content-length":
            # What is too long is refused before it has come, and not here.
            if len(value) > _LENGTH_DIGITS:
                return False
        elif name == b"accept":
            if b"event-stream" in value:
                return False
        elif name == b"authorization":
            has_token = hmac.compare_digest(value, endpoint.authorization)
            if not has_token:
                return False
        elif name != b"content-type" or value != b"application/json":
            return False
    return has_token
