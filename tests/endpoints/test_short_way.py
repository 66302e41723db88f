"""What is decided by the head of a request, before its body is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import pytest

from headrace.control.endpoint_cache import Endpoint, EndpointCache
from headrace.control.warm import Made, WarmAnswer, WarmCalls
from headrace.core.errors import InvalidValue, Overloaded
from headrace.endpoints.express import Express


class OneDeployment:
    """A deployment whose calls pods answer, or not."""

    url_path = "adder"


class Answering:
    """Calls that end at once, or are refused; what was read is remembered."""

    def __init__(self) -> None:
        self.takes = True
        self.refuses: Exception | None = None
        self.read: list[bytes] = []

    def can_answer(self, _: Any) -> bool:
        return self.takes

    def begin(self, _: Any, body: bytes, __: float, on_answer: Callable[[Made], None]) -> bool:
        if not self.takes:
            return False
        self.read.append(body)
        if self.refuses is not None:
            raise self.refuses
        on_answer(WarmAnswer("e1", '{"y":2}', 1))
        return True


@pytest.fixture
def calls() -> Answering:
    return Answering()


@pytest.fixture
def express(calls: Answering) -> Express:
    endpoints = EndpointCache()
    endpoints.keep("adder", Endpoint(cast("Any", OneDeployment()), "token"), endpoints.changes)
    return Express(endpoints, cast("WarmCalls", calls), "http://here", 100)


HEAD = [(b"authorization", b"EndpointToken token"), (b"content-type", b"application/json")]


def answered(express: Express, body: bytes) -> list[tuple[int, Any]]:
    told: list[tuple[int, Any]] = []
    endpoint = express.endpoint_of(b"POST", b"/endpoints/adder", HEAD)
    assert endpoint is not None

    def on_reply(status: int, _: Any, text: bytes) -> None:
        told.append((status, json.loads(text)))

    if not express.begin(endpoint, body, on_reply):
        assert told == []
    return told


def test_a_call_that_no_pod_can_answer_is_not_tried(express: Express, calls: Answering) -> None:
    assert express.endpoint_of(b"POST", b"/endpoints/adder", HEAD) is not None
    calls.takes = False
    assert express.endpoint_of(b"POST", b"/endpoints/adder", HEAD) is None


def test_a_body_is_read_once_or_left_to_the_long_way(express: Express, calls: Answering) -> None:
    assert answered(express, b'{"x":1}') == [(200, {"execution_id": "e1", "outputs": {"y": 2}})]
    for body in (b"", b"{" + b" " * 100 + b"}"):
        assert answered(express, body) == []
    assert calls.read == [b'{"x":1}']


@pytest.mark.parametrize(
    ("error", "status"), [(InvalidValue("No number."), 400), (Overloaded("Too many."), 503)]
)
def test_what_is_refused_after_it_was_read_is_answered_here(
    express: Express, calls: Answering, error: Exception, status: int
) -> None:
    calls.refuses = error
    [(found, body)] = answered(express, b'{"x":"1"}')
    assert found == status
    assert body["message"] == str(error)
    assert calls.read == [b'{"x":"1"}']
