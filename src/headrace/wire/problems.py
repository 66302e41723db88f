"""Errors on the wire: the contract's error object, and which HTTP status each error has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from headrace.core import errors

if TYPE_CHECKING:
    from headrace.core.executions import Execution, Status
    from headrace.core.outcomes import Failure

MAX_MESSAGE = 4000
"""Characters of the message of an error; what was sent may be longer, and is not sent back."""

STATUSES: dict[type[errors.HeadraceError], int] = {
    errors.InvalidRequest: 400,
    errors.TooLarge: 413,
    errors.Unauthenticated: 401,
    errors.PermissionDenied: 403,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Unavailable: 503,
    errors.TooManyTries: 429,
    errors.PipelineCreationFailed: 500,
    errors.DeploymentCreationFailed: 500,
    errors.PipelineExecutionFailed: 500,
}


_BAD_INPUT = "bad_input"  # of headrace.core.outcomes


def status_of(error: errors.HeadraceError) -> int:
    """Return the HTTP status of an error: that of its nearest listed class.

    An execution that failed because of an input was no fault of the pipeline's.
    """
    if error.details.get("failure") == _BAD_INPUT:
        return 400
    for kind in type(error).__mro__:
        if kind in STATUSES:
            return STATUSES[kind]
    return 500


def error_body(error: errors.HeadraceError, request_id: str) -> dict[str, Any]:
    """Return the error object (wire contract, 1.4)."""
    return {
        "message": _readable(error.message),
        "name": error.code,
        "request_id": request_id,
        "additional_data": error.details or None,
    }


def _readable(message: str) -> str:
    """Return a message without the middle of what somebody sent that was very long."""
    if len(message) <= MAX_MESSAGE:
        return message
    return f"{message[: MAX_MESSAGE // 2]} … {message[-MAX_MESSAGE // 2 :]}"


def execution_failed(execution: Execution, failure: Failure) -> errors.PipelineExecutionFailed:
    """Return the error that whoever waits for an execution gets when it did not succeed."""
    return call_failed(execution.id, execution.status, failure, execution.pipeline_version)


def call_failed(
    execution_id: str, status: Status, failure: Failure, version: int
) -> errors.PipelineExecutionFailed:
    """Return the error of an execution of a version that ended with a status, for a failure."""
    return errors.PipelineExecutionFailed(
        failure.message,
        details={
            "execution_id": execution_id,
            "status": status.value,
            "pipeline_version": version,
            "failure": failure.kind.value,
        },
    )


def error_from(status: int, body: Mapping[str, Any]) -> errors.HeadraceError:
    """Return the error that an error object stands for, of the class that raised it."""
    known = _by_code().get(str(body.get("name")))
    kind = known or _by_status(status)
    details = body.get("additional_data")
    error = kind(
        str(body.get("message") or f"The server answered with status {status}."),
        details=details if isinstance(details, Mapping) else None,
    )
    error.is_answer = True
    return error


def _by_code() -> dict[str, type[errors.HeadraceError]]:
    return {
        name: kind
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.HeadraceError)
    }


def _by_status(status: int) -> type[errors.HeadraceError]:
    # 500 alone says nothing: it may be a fault of the server as well as of a pipeline.
    kinds = {known: kind for kind, known in STATUSES.items() if known != 500}
    return kinds.get(status, errors.HeadraceError)
