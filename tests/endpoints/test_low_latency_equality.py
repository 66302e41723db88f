"""Whoever calls an endpoint cannot tell its mode: the answers of both are the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from tests.conftest import RunningServer
from tests.warm import Endpoint, Maker, maker

from headrace import InputSource, OutputDestination

pytestmark = pytest.mark.system

JSON = {"content-type": "application/json"}
CLIENT = {"craft-ai-client": "craft-ai-sdk@0.74.7"}
NUMBERS = {"number1": 9, "number2": 6}


@dataclass(frozen=True)
class Pair:
    """Two endpoints of one pipeline, alike but for their mode."""

    elastic: Endpoint
    warm: Endpoint

    def answers(self, **call: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        return seen(self.elastic, call), seen(self.warm, call)


def seen(endpoint: Endpoint, call: dict[str, Any]) -> dict[str, Any]:
    """Return what a caller sees, without what must differ from call to call."""
    headers = {"Authorization": f"EndpointToken {endpoint.token}", **call.get("headers", {})}
    headers = {name: value for name, value in headers.items() if value is not None}
    url = endpoint.url.replace("/endpoints/", f"/endpoints/{call.get('prefix', '')}")
    url += call.get("suffix", "").replace("TOKEN", endpoint.token)
    content, data, files = (call.get(key) for key in ("content", "data", "files"))
    answer = endpoint.http.post(url, headers=headers, content=content, data=data, files=files)
    found = [part(endpoint, answer)]
    while "location" in answer.headers:
        answer = endpoint.http.get(answer.headers["location"])
        found.append(part(endpoint, answer))
    return {"answers": found}


def part(endpoint: Endpoint, answer: httpx.Response) -> dict[str, Any]:
    body: Any = answer.content
    if answer.headers["content-type"] == "application/json":
        text = answer.text.replace(endpoint.name, "NAME")
        execution_id = answer.headers.get("craft-ai-execution-id")
        body = json.loads(text.replace(execution_id, "ID") if execution_id else text)
        if "request_id" in body:
            body["request_id"] = len(body["request_id"])
            if body["additional_data"] and "execution_id" in body["additional_data"]:
                body["additional_data"]["execution_id"] = "ID"
    told = {"content-type", "www-authenticate", "retry-after"}
    headers = {key: value for key, value in answer.headers.items() if key in told}
    has_id = "craft-ai-execution-id" in answer.headers
    return {"status": answer.status_code, "headers": headers, "has_id": has_id, "body": body}


@pytest.fixture(scope="module")
def make(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Maker]:
    with maker(server, tmp_path_factory.mktemp("equal")) as made:
        yield made


def pair_of(make: Maker, function: str, **options: Any) -> Pair:
    elastic, warm = (
        make.endpoint(function, mode=mode, **options) for mode in ("elastic", "low_latency")
    )
    return Pair(elastic, warm)


@pytest.fixture(scope="module")
def add(make: Maker) -> Pair:
    pair = pair_of(make, "add")
    # An endpoint that was called before is known by heart.
    assert pair.answers(content=json.dumps(NUMBERS), headers=JSON)[1]["answers"][0]["status"] == 200
    return pair


@pytest.fixture(scope="module")
def do(make: Maker) -> Pair:
    return pair_of(make, "do")


@pytest.fixture(scope="module")
def describe(make: Maker) -> Pair:
    return pair_of(make, "describe")


CALLS: dict[str, tuple[int, dict[str, Any]]] = {
    "all inputs": (200, {"content": json.dumps(NUMBERS)}),
    "a default": (200, {"content": b'{"number1": 1.5}'}),
    "null for an optional one": (200, {"content": b'{"number1": 1, "number2": null}'}),
    "a key twice": (400, {"content": b'{"number1": 1, "number1": 2}'}),
    "large numbers": (200, {"content": b'{"number1": 36893488147419103232, "number2": 1}'}),
    "missing": (400, {"content": b'{"number2": 1}'}),
    "nothing": (400, {"content": b""}),
    "blank": (400, {"content": b"  "}),
    "null for a required one": (400, {"content": b'{"number1": null, "number2": 1}'}),
    "a text for a number": (400, {"content": b'{"number1": "9", "number2": 1}'}),
    "a boolean for a number": (400, {"content": b'{"number1": true, "number2": 1}'}),
    "an object for a number": (400, {"content": b'{"number1": {"a": 1}, "number2": 1}'}),
    "several mistakes": (400, {"content": b'{"number1": "9", "number2": [], "other": 1}'}),
    "unknown": (400, {"content": b'{"number1": 1, "number2": 2, "number3": 3}'}),
    "a list": (400, {"content": b"[1, 2]"}),
    "no JSON": (400, {"content": b'{"number1": 1'}),
    "NaN": (400, {"content": b'{"number1": NaN, "number2": 1}'}),
    "too large a float": (400, {"content": b'{"number1": 1e999, "number2": 1}'}),
    "too many digits": (400, {"content": b'{"number1": 1' + b"0" * 5000 + b', "number2": 1}'}),
    "half a character": (400, {"content": b'{"number1": "\\ud800", "number2": 1}'}),
    "no UTF-8": (400, {"content": b'{"number1": "\xff", "number2": 1}'}),
    "deep": (400, {"content": b'{"number1": ' + b"[" * 400 + b"]" * 400 + b"}"}),
    "very deep": (400, {"content": b'{"number1": ' + b"[" * 9000 + b"]" * 9000 + b"}"}),
    "large": (413, {"content": b'{"number1": "' + b"1" * 70_000 + b'", "number2": 1}'}),
    "very large": (413, {"content": b"x" * 1_100_000}),
    "large by blanks": (200, {"content": b'{"number1": 1,' + b" " * 70_000 + b'"number2": 1}'}),
    "plain text": (
        200,
        {"content": json.dumps(NUMBERS), "headers": {"content-type": "text/plain"}},
    ),
    "with a charset": (
        200,
        {
            "content": json.dumps(NUMBERS),
            "headers": {"content-type": "application/json; charset=utf-8"},
        },
    ),
    "curl without a type": (
        200,
        {
            "content": json.dumps(NUMBERS),
            "headers": {"content-type": "application/x-www-form-urlencoded"},
        },
    ),
    "a form": (200, {"data": {"number1": "4", "number2": "5"}}),
    "a form with a mistake": (400, {"data": {"number1": "four"}}),
    "bytes": (400, {"content": b"\xff\xfe", "headers": {"content-type": "image/png"}}),
    "a file for a number": (400, {"data": {"number2": "5"}, "files": {"number1": ("f", b"1")}}),
    "no token": (401, {"content": json.dumps(NUMBERS), "headers": {"Authorization": None}}),
    "a wrong token": (
        401,
        {"content": json.dumps(NUMBERS), "headers": {"Authorization": "EndpointToken x"}},
    ),
    "another scheme": (
        401,
        {"content": json.dumps(NUMBERS), "headers": {"Authorization": "Bearer x"}},
    ),
    "a scheme in capitals": (
        401,
        {"content": json.dumps(NUMBERS), "headers": {"Authorization": "ENDPOINTTOKEN x"}},
    ),
    "the token in the query": (
        200,
        {
            "content": json.dumps(NUMBERS),
            "headers": {"Authorization": None},
            "suffix": "?token=TOKEN",
        },
    ),
    "a slash too much": (404, {"content": json.dumps(NUMBERS), "suffix": "/"}),
    "too long a key": (
        400,
        {"content": json.dumps(NUMBERS), "headers": {"Idempotency-Key": "k" * 300}},
    ),
}


@pytest.mark.parametrize("form", ["flat", "wrapped", "client"])
@pytest.mark.parametrize("what", CALLS)
def test_answers_to_calls_of_every_kind(add: Pair, what: str, form: str) -> None:
    status, call = CALLS[what]
    prefix = "v1/" if form == "wrapped" else ""
    form_type = {} if "data" in call else JSON
    headers = form_type | (CLIENT if form == "client" else {}) | call.get("headers", {})
    elastic, warm = add.answers(**{**call, "prefix": prefix, "headers": headers})
    assert warm == elastic
    assert warm["answers"][-1]["status"] == status


DONE: dict[str, tuple[int, Any]] = {
    "give": (200, {"a": [1, None, "é", 1e300, 2**70]}),
    "fail": (500, "no \x1b[31mluck é"),
    "object": (500, None),
    "leave": (500, "exit"),
    "say": (200, None),
    "big": (200, 400_000),
}


@pytest.mark.parametrize("form", ["flat", "wrapped", "client"])
@pytest.mark.parametrize("what", DONE)
def test_answers_to_what_a_function_does(do: Pair, what: str, form: str) -> None:
    status, argument = DONE[what]
    prefix = "v1/" if form == "wrapped" else ""
    headers = JSON | (CLIENT if form == "client" else {})
    body = json.dumps({"what": what, "argument": argument})
    elastic, warm = do.answers(content=body, prefix=prefix, headers=headers)
    assert warm == elastic
    assert warm["answers"][-1]["status"] == status


@pytest.mark.parametrize("form", ["flat", "client"])
def test_answers_with_files(describe: Pair, form: str) -> None:
    headers = CLIENT if form == "client" else {}
    calls: list[dict[str, Any]] = [
        {"files": {"document": ("d", b"abc")}, "data": {"number": "1", "record": '{"a": 2}'}},
        {"data": {"text": "true", "flag": "true"}},
        {"files": {"document": ("d", b"abc")}, "data": {"flag": "maybe"}},
        {"content": b'{"document": "abc"}', "headers": JSON},
        {"files": [("document", ("d", b"abc")), ("document", ("e", b"abc"))]},
    ]
    for call in calls:
        elastic, warm = describe.answers(**{**call, "headers": headers | call.get("headers", {})})
        assert warm == elastic


@pytest.mark.parametrize("form", ["flat", "wrapped", "client"])
@pytest.mark.parametrize("text", [None, "seven", "7"])
def test_answers_where_a_variable_is_missing_or_misfits(
    make: Maker, variable: Pair, text: str | None, form: str
) -> None:
    if text is not None:
        make.sdk.create_or_update_environment_variable("WARM_EQUAL", text)
    headers = JSON | (CLIENT if form == "client" else {})
    prefix = "v1/" if form == "wrapped" else ""
    elastic, warm = variable.answers(content=b'{"n": 1}', prefix=prefix, headers=headers)
    assert warm == elastic
    assert warm["answers"][-1]["status"] == (200 if text == "7" else 400)
    if text is None:
        # A failure that is on record, and no request that was refused.
        details = warm["answers"][-1]["body"]["additional_data"]
        assert (details["failure"], details["status"]) == ("bad_input", "Failed")
        assert make.executions(variable.warm.name)[-1]["failure"]["kind"] == "bad_input"
    if text is not None:
        make.sdk.delete_environment_variable("WARM_EQUAL")


@pytest.fixture(scope="module")
def variable(make: Maker) -> Pair:
    return pair_of(
        make,
        "add",
        inputs_mapping=[
            InputSource("number1", environment_variable_name="WARM_EQUAL"),
            InputSource("number2", endpoint_input_name="n"),
        ],
        outputs_mapping=[OutputDestination("number3", endpoint_output_name="sum")],
    )


def test_answers_of_a_disabled_endpoint_and_of_one_without_inputs(make: Maker) -> None:
    nothing = pair_of(
        make,
        "add",
        inputs_mapping=[
            InputSource("number1", constant_value=1),
            InputSource("number2", constant_value=2),
        ],
        outputs_mapping=[OutputDestination("number3", is_null=True)],
    )
    for content in (b"", b"{}", b'{"number1": 5}', b'{"a": "' + b"x" * 70_000 + b'"}'):
        elastic, warm = nothing.answers(content=content, headers=JSON)
        assert warm == elastic
        assert warm["answers"][0]["body"] == {"execution_id": "ID", "outputs": {}}
    for endpoint in (nothing.elastic, nothing.warm):
        make.sdk.update_deployment(endpoint.name, is_enabled=False)
    elastic, warm = nothing.answers(content=b"{}", headers=JSON)
    assert warm == elastic
    assert warm["answers"][0]["status"] == 409
