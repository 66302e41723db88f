"""An answer as a value, and its one rendering as bytes.

Handlers, the short way and streams all make an :class:`Answer`. A rule that changes answers for
some clients, such as :func:`headrace.wire.eras.keys.for_client`, takes one and returns one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from headrace.core.errors import HeadraceError, Unauthenticated, Unavailable
from headrace.wire.codec import encode
from headrace.wire.problems import error_body, status_of

MAX_HOLD_S = 25.0
"""Longest wait of a request that is held, on every route: callers read with a patience of 30 s, and
proxies with one of 60 s. Clients follow redirections to be held again; how many is their affair."""

BEARER = "Bearer"
"""The scheme by which callers of the API show who they are."""

ENDPOINT_TOKEN = "EndpointToken"  # noqa: S105 - the name of a scheme
"""The scheme by which callers of endpoints do."""

VERSION = "Headrace-Version"
"""The header by which a caller asks for a version of a pipeline, and is told which made a call."""

RawHeaders = Sequence[tuple[bytes, bytes]]
"""Headers as they are sent, names in lower case."""

_JSON = (b"content-type", b"application/json")


class Answer(NamedTuple):
    """An answer in JSON.

    Attributes:
        body: The value of the body. An answer with status 204 has none.
        status: HTTP status.
        headers: Headers besides type and length.
    """

    body: Any
    status: int = 200
    headers: Mapping[str, str] = {}


NO_CONTENT = Answer(None, 204)


def render(answer: Answer) -> tuple[int, RawHeaders, bytes]:
    """Return status, headers and body of an answer as they are sent."""
    body, status, named = answer
    text = b"" if status == 204 else encode(body)
    headers = [] if status == 204 else [(b"content-length", b"%d" % len(text)), _JSON]
    for name, value in named.items():
        headers.append((name.lower().encode(), value.encode("latin-1")))
    return status, headers, text


def refusal(error: HeadraceError, request_id: str, scheme: str = BEARER) -> Answer:
    """Return the answer to a request that was refused, or that failed for a reason to be told.

    Args:
        error: The reason.
        request_id: Id of the request, for the log and the caller.
        scheme: The scheme of the credentials that the route asks for.
    """
    headers = retry_after(error)
    if isinstance(error, Unauthenticated):
        headers = {"WWW-Authenticate": f'{scheme} realm="headrace"'}
    elif "pipeline_version" in error.details:
        headers = {VERSION: str(error.details["pipeline_version"])}
    return Answer(error_body(error, request_id), status_of(error), headers)


def retry_after(error: HeadraceError) -> dict[str, str]:
    """Return the header that says when to ask again, if that helps."""
    if not isinstance(error, Unavailable):
        return {}
    return {"Retry-After": str(error.details.get("retry_after_s", 1))}


def named_refusal(
    status: int, name: str, message: str, request_id: str, headers: Mapping[str, str] | None = None
) -> Answer:
    """Return the answer to a request that is refused by an error outside of the core's tree."""
    body = error_body(HeadraceError(message), request_id) | {"name": name}
    return Answer(body, status, headers or {})


DEFECT = "The server failed to carry out this request. Its log says why, under this request's id."

STOPPING = Unavailable(
    "The server is stopping, and cannot wait any longer for the end of this request. What the "
    "request started is on record, or about to be: look there before you send it again."
)
"""Why a request ends that was held when the server was told to stop."""


def defect(request_id: str) -> Answer:
    """Return the answer to a request that the server failed to carry out."""
    return named_refusal(500, "InternalError", DEFECT, request_id)
