"""An answer is rendered in one way, and changed for clients by its route."""

from __future__ import annotations

import json

import pytest

from headrace.core import errors
from headrace.core.outcomes import Failure, FailureKind
from headrace.wire import routes
from headrace.wire.answers import NO_CONTENT, Answer, defect, named_refusal, refusal, render
from headrace.wire.call_answers import ended, see_other, succeeded
from headrace.wire.eras.keys import for_client

CLIENT = "craft-ai-sdk@0.74.7"


def test_what_is_rendered_is_the_value_with_its_type_and_length() -> None:
    status, headers, body = render(Answer({"a": [1, None]}, 201, {"Location": "/é"}))
    assert (status, json.loads(body)) == (201, {"a": [1, None]})
    assert dict(headers) == {
        b"content-type": b"application/json",
        b"content-length": str(len(body)).encode(),
        b"location": "/é".encode("latin-1"),
    }


def test_nothing_has_neither_type_nor_length() -> None:
    assert render(NO_CONTENT) == (204, [], b"")
    assert render(Answer(None))[2] == b"null"


def test_outputs_as_text_and_as_values_are_answered_alike() -> None:
    as_text = render(ended("id-1", '{"sum": 3,"none":null}', None, 2))
    as_values = render(succeeded("id-1", {"sum": 3, "none": None}, 2))
    assert as_text[0] == as_values[0] == 200
    assert json.loads(as_text[2]) == json.loads(as_values[2])
    assert dict(as_text[1])[b"craft-ai-execution-id"] == b"id-1"
    assert dict(as_text[1])[b"headrace-version"] == dict(as_values[1])[b"headrace-version"] == b"2"


def test_a_call_that_failed_is_answered_with_its_failure() -> None:
    with pytest.raises(errors.PipelineExecutionFailed, match="It broke") as raised:
        ended("id-1", "{}", Failure(FailureKind.USER_ERROR, "It broke."), 2)
    answer = refusal(raised.value, "request-1")
    assert answer.status == 500
    assert answer.body["additional_data"]["execution_id"] == "id-1"
    assert answer.headers == {"Headrace-Version": "2"}


@pytest.mark.parametrize(
    ("answer", "status", "name"),
    [
        (refusal(errors.TooLarge("Too large."), "r"), 413, "TooLarge"),
        (defect("r"), 500, "InternalError"),
        (named_refusal(405, "MethodNotAllowed", "Not so.", "r"), 405, "MethodNotAllowed"),
    ],
)
def test_errors_have_one_form(answer: Answer, status: int, name: str) -> None:
    assert answer.status == status
    assert list(answer.body) == ["message", "name", "request_id", "additional_data"]
    assert (answer.body["name"], answer.body["request_id"]) == (name, "r")


def test_the_public_client_gets_the_keys_of_the_contract_and_every_error() -> None:
    told = see_other("id-1", "http://here/results", 2)
    assert for_client(told, routes.ENDPOINT, None) is told
    assert for_client(told, routes.ENDPOINT, "someone@1.0") is told
    shown = for_client(told, routes.ENDPOINT, CLIENT)
    assert shown == told._replace(body={"execution_id": "id-1"})
    refused = refusal(errors.NotFound("Gone."), "r")
    assert for_client(refused, routes.ENDPOINT, CLIENT) is refused
