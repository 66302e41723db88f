"""The answers to calls of endpoints: of the short way, the long way and streams alike."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from headrace.core.executions import status_after
from headrace.core.outcomes import Failure
from headrace.wire.answers import VERSION, Answer
from headrace.wire.codec import as_it_is
from headrace.wire.problems import call_failed
from headrace.wire.routes import ENDPOINT_RESULTS, ENDPOINT_RESULTS_V1

EXECUTION_ID = "Craft-Ai-Execution-Id"


def headers_of(execution_id: str, version: int) -> dict[str, str]:
    """Return the headers of all answers to a call: its execution, and the version that makes it."""
    return {EXECUTION_ID: execution_id, VERSION: str(version)}


def succeeded(execution_id: str, outputs: Any, version: int) -> Answer:
    """Return the answer with the outputs of a call, by the names that the caller knows."""
    body = {"execution_id": execution_id, "outputs": outputs}
    return Answer(body, 200, headers_of(execution_id, version))


def ended(execution_id: str, outputs: str, failure: Failure | None, version: int) -> Answer:
    """Return the answer to a call that has ended, whose outputs are the text of a JSON object.

    Raises:
        PipelineExecutionFailed: It did not succeed, because of ``failure``.
    """
    if failure is not None:
        raise call_failed(execution_id, status_after(failure), failure, version)
    return succeeded(execution_id, as_it_is(outputs), version)


def results_url(
    public_url: str, path: str, execution_id: str, token: str, *, is_wrapped: bool
) -> str:
    """Return the URL of the outputs of a call."""
    route = ENDPOINT_RESULTS_V1 if is_wrapped else ENDPOINT_RESULTS
    results = route.url(path=quote(path), execution_id=execution_id)
    return f"{public_url}{results}?token={quote(token)}"


def see_other(execution_id: str, location: str, version: int) -> Answer:
    """Return the redirection to the outputs of a call, which says in words where they will be."""
    body = {
        "execution_id": execution_id,
        "status": "accepted",
        "results_url": location,
        "message": (
            "The call is recorded and has not ended yet. Its outputs will be at results_url, "
            "which is held for them in turn: follow the redirection (curl --location), or ask "
            "there later."
        ),
    }
    return Answer(body, 303, {"Location": location, **headers_of(execution_id, version)})
