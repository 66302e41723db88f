"""Errors, from the class that is raised to the class that the client raises again."""

from __future__ import annotations

import pytest

from headrace.core import errors
from headrace.core.errors import HeadraceError
from headrace.wire.codec import decode, encode
from headrace.wire.problems import error_body, error_from, status_of

CLASSES = [
    kind
    for kind in vars(errors).values()
    if isinstance(kind, type) and issubclass(kind, HeadraceError)
]

STATUSES = {
    "HeadraceError": 500,
    "InvalidRequest": 400,
    "AmbiguousId": 400,
    "InvalidName": 400,
    "InvalidValue": 400,
    "InvalidMapping": 400,
    "InvalidSchedule": 400,
    "InvalidCode": 400,
    "InvalidEnvironment": 400,
    "TooLarge": 413,
    "TooManyTries": 429,
    "Unauthenticated": 401,
    "PermissionDenied": 403,
    "NotFound": 404,
    "Conflict": 409,
    "AlreadyExists": 409,
    "BreakingChange": 409,
    "InUse": 409,
    "IllegalTransition": 409,
    "Unavailable": 503,
    "Overloaded": 503,
    "ServerPaused": 503,
    "PipelineCreationFailed": 500,
    "DeploymentCreationFailed": 500,
    "PipelineExecutionFailed": 500,
    "WaitTimeout": 500,
}


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_class_survives_the_wire(kind: type[HeadraceError]) -> None:
    error = kind("What was wrong.", details={"size": 7})
    status = status_of(error)
    assert status == STATUSES[kind.__name__]
    body = decode(encode(error_body(error, "id-1")), "body")
    assert body == {
        "message": "What was wrong.",
        "name": kind.__name__,
        "request_id": "id-1",
        "additional_data": {"size": 7},
    }
    again = error_from(status, body)
    assert type(again) is kind
    assert (again.message, again.details) == (error.message, error.details)


def test_details_that_there_are_not_are_null() -> None:
    assert error_body(errors.NotFound("Gone."), "id")["additional_data"] is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, errors.InvalidRequest),
        (401, errors.Unauthenticated),
        (403, errors.PermissionDenied),
        (404, errors.NotFound),
        (409, errors.Conflict),
        (413, errors.TooLarge),
        (503, errors.Unavailable),
        (405, HeadraceError),
        (500, HeadraceError),
        (502, HeadraceError),
    ],
)
@pytest.mark.parametrize("name", ["InternalError", None, "vars", "Mapping", 7])
def test_an_unknown_name_is_judged_by_its_status(
    status: int, kind: type[HeadraceError], name: object
) -> None:
    """A fault of the server says nothing of a pipeline, whatever else has status 500."""
    assert type(error_from(status, {"name": name, "message": "m"})) is kind


@pytest.mark.parametrize("body", [{}, {"message": None}, {"message": ""}])
def test_a_message_that_there_is_not_is_the_status(body: dict[str, object]) -> None:
    assert error_from(404, body).message == "The server answered with status 404."
