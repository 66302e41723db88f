"""Each field of each request that makes something, with each kind of nonsense in it."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from tests.api.conftest import check_error, client_of
from tests.conftest import RunningServer

from headrace import HeadraceSdk, Input, Output

pytestmark = pytest.mark.system

NONSENSE: dict[str, Any] = {
    "empty": "",
    "a number": 7,
    "a list": [1, [2]],
    "an object": {"a": {"b": 1}},
    "a flag": True,
    "too long": "x" * 100_000,
    "a way out": "../../etc/passwd",
    "a slash": "a/b",
    "a nul": "a\0b",
    "a line": "a\nb",
    "direction": "a\u202eb",
    "half a character": "\ud800",
    "nothing to see": "\u200b",
}
"""What is put into a field in place of what belongs there."""

Body = dict[str, Any]

MAPPED = [{"pipeline_input_name": "a", "constant_value": 1}]
DROPPED = [{"pipeline_output_name": "sum", "is_null": True}]

PIPELINE: Body = {
    "pipeline_name": "field-new",
    "function_path": "main.py",
    "function_name": "add",
    "description": "text",
    "container_config[language]": "python:3.11-slim",
    "container_config[requirements_path]": "requirements.txt",
    "container_config[included_folders][0]": "main.py",
    "container_config[system_dependencies][0]": "libc6",
    "inputs[0][name]": "a",
    "inputs[0][data_type]": "number",
    "inputs[0][description]": "text",
    "inputs[0][is_required]": "true",
    "inputs[0][default_value]": "1",
    "outputs[0][name]": "sum",
    "outputs[0][data_type]": "number",
    "outputs[0][description]": "text",
    "replace": "false",
    "force": "false",
    "message": "text",
    "commit_id": "a" * 40,
    "calling": "platform",
}
ENDPOINT: Body = {
    "name": "field-new",
    "pipeline_name": "field-kept",
    "mode": "low_latency",
    "description": "text",
    "execution_timeout_s": 5,
    "retries": 1,
    "retry_backoff_s": 1,
    "is_enabled": False,
    "inputs_mapping": [{"pipeline_input_name": "a", "endpoint_input_name": "a"}],
    "outputs_mapping": [{"pipeline_output_name": "sum", "endpoint_output_name": "sum"}],
    "endpoint_url_path": "field-path",
    "endpoint_token": "abcd",
    "enable_parallel_executions": True,
    "max_parallel_executions_per_pod": 2,
    "ram_request": "512MiB",
    "gpu_request": 0,
    "pipeline_version": 1,
    "probe": {"a": 1},
    "attachments": {},
}
PERIODIC: Body = {
    "name": "field-new",
    "pipeline_name": "field-kept",
    "schedule": "0 0 1 1 *",
    "inputs_mapping": MAPPED,
    "outputs_mapping": DROPPED,
    "is_enabled": False,
}
RUN: Body = {
    "json_inputs": '{"a": 1}',
    "inputs_mapping": "[]",
    "outputs_mapping": json.dumps(DROPPED),
}


@pytest.fixture(scope="module")
def http(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("field")
    (folder / "main.py").write_text("def add(a):\n    return {'sum': a}\n")
    with HeadraceSdk(server.token, server.url) as sdk, client_of(server) as http:
        sdk.create_pipeline(
            *("field-kept", "main.py", "add"),
            container_config={"local_folder": str(folder)},
            inputs=[Input("a", "number")],
            outputs=[Output("sum", "number")],
        )
        yield http
        sdk.delete_pipeline("field-kept", force_deployments_deletion=True)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("archive")
    (folder / "main.py").write_text("def add(a):\n    return {'sum': a}\n")
    (folder / "requirements.txt").write_text("")
    with tarfile.open(folder / "code.tgz", "w:gz") as tar:
        for name in ("main.py", "requirements.txt"):
            tar.add(folder / name, name)
    return (folder / "code.tgz").read_bytes()


def as_json(path: str) -> Callable[[httpx.Client, Body, bytes], httpx.Response]:
    def send(http: httpx.Client, body: Body, archive: bytes) -> httpx.Response:
        # As JSON escapes it: half a character can be written that way, and in no other.
        content = json.dumps(body).encode()
        return http.post(path, content=content, headers={"content-type": "application/json"})

    return send


def as_form(path: str, *, has_file: bool) -> Callable[[httpx.Client, Body, bytes], httpx.Response]:
    def send(http: httpx.Client, body: Body, archive: bytes) -> httpx.Response:
        texts = {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in body.items()
        }
        fields = {key: text.encode("utf-8", "surrogatepass") for key, text in texts.items()}
        if has_file:
            return http.post(path, data=fields, files={"step_file": ("step_file", archive)})
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return http.post(path, content=urlencode(fields), headers=headers)

    return send


REQUESTS: dict[str, tuple[Any, Body]] = {
    "pipeline": (as_form("/pipelines", has_file=True), PIPELINE),
    "step": (
        as_form("/steps", has_file=True),
        {"step_name": "field-new"}
        | {key: value for key, value in PIPELINE.items() if key.startswith(("fun", "con", "in"))},
    ),
    "pipeline of a step": (
        as_json("/pipelines"),
        {"pipeline_name": "field-new", "step_names": ["field-kept"]},
    ),
    "endpoint": (as_json("/endpoints"), ENDPOINT),
    "periodic": (as_json("/periodic-deployment"), PERIODIC),
    "run": (as_form("/pipelines/field-kept/run", has_file=False), RUN),
    "token": (as_json("/tokens"), {"name": "field-new"}),
    "user": (
        as_json("/users"),
        {"name": "field-new", "password": "eleven blue horses", "email": "f@example.com"},
    ),
}


LISTS = {
    "/deployments": "name",
    "/pipelines": "pipeline_name",
    "/steps": "step_name",
    "/tokens": "name",
    "/users": "name",
}


def state(http: httpx.Client) -> dict[str, set[str]]:
    """Return the names of all that a request might have made."""
    return {path: {item[key] for item in http.get(path).json()} for path, key in LISTS.items()}


def undo(http: httpx.Client, before: dict[str, set[str]]) -> None:
    """Take away what a request has made after all."""
    for path, names in state(http).items():
        for name in names - before[path]:
            http.delete(f"{path}/{name}")
    assert state(http) == before


@pytest.mark.parametrize("kind", REQUESTS)
def test_nonsense_in_any_field_is_refused_by_its_name_or_taken_whole(
    http: httpx.Client, archive: bytes, kind: str
) -> None:
    send, good = REQUESTS[kind]
    before = state(http)
    for field in good:
        words = {word for word in re.findall(r"[a-z]+", field) if len(word) > 1} | {
            "body",
            "utf-8",
        }
        for what, value in [("missing", None), *NONSENSE.items()]:
            body = {key: given for key, given in good.items() if key != field}
            answer = send(http, body if what == "missing" else {**body, field: value}, archive)
            if answer.status_code < 400:
                undo(http, before)
                continue
            message = check_error(answer)["message"].lower()
            if what != "missing":
                assert any(word.rstrip("s") in message for word in words), (field, what, message)
            assert len(message) < 5000, (field, what)
            assert state(http) == before, (field, what)


def test_the_requests_are_good_without_nonsense(http: httpx.Client, archive: bytes) -> None:
    before = state(http)
    for kind, (send, good) in REQUESTS.items():
        answer = send(http, good, archive)
        assert answer.status_code == 201, (kind, answer.text)
        undo(http, before)
