"""A short way for the calls that are most frequent: plain JSON to the pods of an endpoint.

What is not exactly that goes the long way, through routing and the handlers of
:mod:`headrace.api.endpoints`, which also knows what to say of a call that is wrong. So this module
has nothing to say of its own, and answers nothing that the long way would not answer.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import uuid
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from starlette.responses import Response

from headrace.api.endpoints import HOLD_S, results_url, see_other
from headrace.api.refusals import defect, refusal, stopping
from headrace.control.endpoint_cache import Endpoint, EndpointCache
from headrace.control.warm import WarmAnswer, WarmCalls
from headrace.core.errors import HeadraceError
from headrace.core.executions import status_after
from headrace.core.values import MAX_VALUES_BYTES, Json
from headrace.wire.codec import decode_object
from headrace.wire.problems import call_failed

logger = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_PREFIX = "/endpoints/"
_PLAIN_HEADERS = frozenset(
    {
        b"host",
        b"user-agent",
        b"accept-encoding",
        b"accept-language",
        b"connection",
        b"content-length",
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


class Express:
    """The application, with a short way before it."""

    def __init__(
        self,
        application: Application,
        endpoints: EndpointCache,
        warm_calls: WarmCalls,
        public_url: str,
    ) -> None:
        self._public_url = public_url
        self._application = application
        self._endpoints = endpoints
        self._warm_calls = warm_calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "http" and scope["method"] == "POST" and not scope["query_string"]:
            path = scope["path"]
            if path.startswith(_PREFIX):
                endpoint = self._endpoints.find(path[11:])
                if endpoint is not None and is_plain(scope["headers"], endpoint):
                    await self._answer(endpoint, scope, receive, send)
                    return
        await self._application(scope, receive, send)

    async def _answer(self, endpoint: Endpoint, scope: Scope, receive: Receive, send: Send) -> None:
        message = await receive()
        body = message.get("body", b"")
        is_whole = not message.get("more_body") and 0 < len(body) <= MAX_VALUES_BYTES
        values = _values(body) if is_whole else None
        made: WarmAnswer | str | None = None
        if values is not None:
            try:
                made = await self._warm_calls.call_plainly(endpoint.deployment, values, HOLD_S)
            except HeadraceError as error:
                await refusal(error, str(uuid.uuid4()))(scope, receive, send)
                return
            except asyncio.CancelledError:
                await stopping(str(uuid.uuid4()))(scope, receive, send)
                return
            except Exception:
                request_id = str(uuid.uuid4())
                logger.exception("request %s: a call of a pod failed", request_id)
                await defect(request_id)(scope, receive, send)
                return
        if made is None:
            await self._application(scope, _replaying(message, receive), send)
        elif isinstance(made, str) or made.failure is not None:
            await self._tell(endpoint, made)(scope, receive, send)
        else:
            await _send_outputs(made, send)

    def _tell(self, endpoint: Endpoint, made: WarmAnswer | str) -> Response:
        """Return the answer to a call that has not ended, or has failed."""
        if isinstance(made, str):
            path = endpoint.deployment.url_path or ""
            location = results_url(self._public_url, path, made, endpoint.token, is_wrapped=False)
            return see_other(made, location)
        failure = made.failure
        if failure is None:
            raise LookupError("a call that succeeded is answered with its outputs")
        error = call_failed(made.execution_id, status_after(failure), failure)
        return refusal(error, str(uuid.uuid4()))


async def _send_outputs(made: WarmAnswer, send: Send) -> None:
    text = f'{{"execution_id":"{made.execution_id}","outputs":{made.outputs}}}'.encode()
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [
                (b"content-length", b"%d" % len(text)),
                (b"content-type", b"application/json"),
                (b"craft-ai-execution-id", made.execution_id.encode()),
            ],
        }
    )
    await send({"type": "http.response.body", "body": text})


def _values(body: bytes) -> Mapping[str, Json] | None:
    try:
        return decode_object(body, "the body")
    except HeadraceError:
        return None


def is_plain(headers: list[tuple[bytes, bytes]], endpoint: Endpoint) -> bool:
    """Tell whether a call has the endpoint's token, is JSON, and asks for nothing special."""
    has_token = False
    for name, value in headers:
        if name in _PLAIN_HEADERS:
            continue
        if name == b"accept":
            if b"event-stream" in value:
                return False
        elif name == b"authorization":
            has_token = hmac.compare_digest(value, endpoint.authorization)
            if not has_token:
                return False
        elif name != b"content-type" or value != b"application/json":
            return False
    return has_token


def _replaying(first: Message, receive: Receive) -> Receive:
    """Return a ``receive`` that gives a message again that was taken already."""
    is_given = False

    async def replay() -> Message:
        nonlocal is_given
        if not is_given:
            is_given = True
            return first
        return await receive()

    return replay
