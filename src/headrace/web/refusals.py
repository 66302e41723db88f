"""Errors as answers."""

from __future__ import annotations

from starlette.responses import Response

from headrace.core.errors import HeadraceError, Unauthenticated, Unavailable
from headrace.web.exchange import answer
from headrace.wire.problems import error_body, status_of

BEARER = "Bearer"
"""How callers of the API show who they are."""

ENDPOINT_TOKEN = "EndpointToken"  # noqa: S105 - the name of a scheme
"""How callers of endpoints do."""


def defect(request_id: str) -> Response:
    """Return the answer to a request that the server failed to carry out."""
    error = HeadraceError(
        "The server failed to carry out this request. Its log says why, under this request's id."
    )
    return answer(error_body(error, request_id) | {"name": "InternalError"}, 500)


def stopping(request_id: str) -> Response:
    """Return the answer to a request that was held when the server was told to stop."""
    error = Unavailable(
        "The server is stopping, and cannot wait any longer for the end of this request. What the "
        "request started is on record, or about to be: look there before you send it again."
    )
    return refusal(error, request_id)


def refusal(error: HeadraceError, request_id: str, scheme: str = BEARER) -> Response:
    """Return the answer to a request that was refused, or that failed for a reason to be told.

    Args:
        error: Why.
        request_id: Id of the request, for the log and the caller.
        scheme: How this route is asked with credentials.
    """
    status = status_of(error)
    headers = None
    if isinstance(error, Unauthenticated):
        headers = {"WWW-Authenticate": f'{scheme} realm="headrace"'}
    elif isinstance(error, Unavailable):
        headers = {"Retry-After": str(error.details.get("retry_after_s", 1))}
    return answer(error_body(error, request_id), status, headers)
