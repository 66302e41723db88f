"""A plain HTTP client of the shared server, and pipelines to call."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import RunningServer
from tests.overdue import early_in_a_minute, forget

from headrace import HeadraceSdk, Input, Output

SOURCE = """\
import os
import pathlib
import time


def echo(number=None, text=None, flag=None, record=None, items=None, document=None):
    if document is not None:
        pathlib.Path("copy.bin").write_bytes(pathlib.Path(document["path"]).read_bytes()[::-1])
        document = {"path": "copy.bin"}
    return {
        "number": number,
        "text": text,
        "flag": flag,
        "record": record,
        "items": items,
        "document": document,
    }


def odd(kind):
    nested = []
    for _ in range(900):
        nested = [nested]
    if kind == "message":
        raise ValueError("\\ud800 \\0 \\x1b[31m")
    if kind == "log":
        print("\\ud800 half", flush=True)
    return {
        "value": {
            "half": "\\ud800",
            "half inside": {"a": ["\\udfff"]},
            "half key": {"\\ud800": 1},
            "big": 2**200,
            "huge": 10**5000,
            "deep": nested,
            "log": None,
        }[kind]
    }


def odd_file(name):
    with open(os.fsencode(name).replace(b"?", b"\\xff"), "wb") as file:
        file.write(b"content")
        return {"file": {"path": os.fsdecode(file.name)}}


def show_token(path):
    draft = pathlib.Path(path + ".draft")
    draft.write_text(os.environ["CRAFT_AI_SDK_TOKEN"])
    draft.rename(path)
    while not pathlib.Path(path + ".go").exists():
        time.sleep(0.01)


def talk(path):
    print("before", flush=True)
    while not pathlib.Path(path).exists():
        time.sleep(0.01)
    print("after", flush=True)


def chatter(number):
    for index in range(number):
        print("line", index)


def secret(value):
    print("length", len(value))
    return {"length": len(value)}
"""

TYPES = {
    "number": "number",
    "text": "string",
    "flag": "boolean",
    "record": "json",
    "items": "array",
    "document": "file",
}

PIPELINES: dict[str, tuple[list[Input], list[Output]]] = {
    "echo": (
        [Input(name, data_type) for name, data_type in TYPES.items()],
        [Output(name, data_type) for name, data_type in TYPES.items()],
    ),
    "odd": ([Input("kind", "string", is_required=True)], [Output("value", "json")]),
    "odd_file": ([Input("name", "string", is_required=True)], [Output("file", "file")]),
    "show_token": ([Input("path", "string", is_required=True)], []),
    "talk": ([Input("path", "string", is_required=True)], []),
    "chatter": ([Input("number", "number", is_required=True)], []),
    "secret": ([Input("value", "string", is_required=True)], [Output("length", "number")]),
}


def make_pipelines(server: RunningServer, folder: Path, *names: str) -> None:
    sdk = HeadraceSdk(sdk_token=server.token, environment_url=server.url)
    (folder / "api.py").write_text(SOURCE)
    for name in names:
        inputs, outputs = PIPELINES[name]
        sdk.create_pipeline(
            pipeline_name=f"api-{name}",
            function_path="api.py",
            function_name=name,
            container_config={"local_folder": str(folder)},
            inputs=inputs,
            outputs=outputs,
        )


def access_token(server: RunningServer, token: str | None = None) -> str:
    answer = httpx.post(
        f"{server.url}/api/v1/auth/refresh", json={"refresh_token": token or server.token}
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def client_of(server: RunningServer, token: str | None = None) -> httpx.Client:
    """A client that follows no redirects, with an access token got for an SDK token."""
    return httpx.Client(
        base_url=f"{server.url}/api/v1",
        headers={"Authorization": f"Bearer {access_token(server, token)}"},
        timeout=60,
    )


def check_error(answer: httpx.Response, status: int | None = None) -> dict[str, Any]:
    """Assert that an answer is the contract's error object, and return it."""
    assert 400 <= answer.status_code < 500, (answer.status_code, answer.text)
    assert status is None or answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/json")
    body: dict[str, Any] = answer.json()
    assert set(body) == {"message", "name", "request_id", "additional_data"}
    assert isinstance(body["message"], str)
    assert body["message"]
    assert isinstance(body["name"], str)
    assert len(body["request_id"]) == 36
    return body


@pytest.fixture(scope="session")
def pipelines(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The pipelines of this module, ready on the shared server."""
    make_pipelines(server, tmp_path_factory.mktemp("api"), *PIPELINES)


@pytest.fixture(scope="session")
def http(server: RunningServer) -> Iterator[httpx.Client]:
    with client_of(server) as client:
        yield client


@pytest.fixture(autouse=True)
def _silent(request: pytest.FixtureRequest) -> Iterator[None]:
    """No request of these tests makes the server write an error or a traceback to its log."""
    if "server" not in request.fixturenames:
        yield
        return
    log = request.getfixturevalue("server").log
    begin = log.stat().st_size
    yield
    said = log.read_bytes()[begin:].decode(errors="replace")
    assert "Traceback" not in said, said
    assert " ERROR " not in said, said


@pytest.fixture(scope="session")
def run(http: httpx.Client, pipelines: None) -> Callable[..., str]:
    """Starts a run and returns its id: ``run("echo", number=1)``."""

    def start(name: str, /, **inputs: Any) -> str:
        answer = http.post(f"/pipelines/api-{name}/run", data={"json_inputs": json.dumps(inputs)})
        assert answer.status_code < 300, answer.text
        return str(answer.json()["execution_id"])

    return start


@pytest.fixture(scope="session")
def ended(http: httpx.Client) -> Callable[[str], dict[str, Any]]:
    """Waits for an execution's end and returns the execution."""

    def wait(execution_id: str) -> dict[str, Any]:
        url = f"/executions/{execution_id}/outputs"
        while http.get(url, params={"wait_for_completion": "true"}).status_code == 307:
            pass
        execution: dict[str, Any] = http.get(f"/executions/{execution_id}").json()
        return execution

    return wait


PERIODIC = "/periodic-deployment"
NOTHING = "periodic-nothing"
PERIODIC_SOURCE = """\
import pathlib
import time


def nothing():
    print("ran")


def add(number1, number2, note, document):
    pathlib.Path("report.txt").write_text(str(number1 + number2))
    return {"total": number1 + number2, "report": {"path": "report.txt"}}


def fail():
    raise ValueError("no luck")


def hold(path):
    while not pathlib.Path(path).exists():
        time.sleep(0.01)
"""
PERIODIC_INPUTS = {
    "add": [
        Input("number1", "number"),
        Input("number2", "number"),
        Input("note", "string"),
        Input("document", "file"),
    ],
    "hold": [Input("path", "string")],
}
PERIODIC_OUTPUTS = {"add": [Output("total", "number"), Output("report", "file")]}


def make_periodic_pipelines(sdk: HeadraceSdk, folder: Path) -> None:
    (folder / "periodic.py").write_text(PERIODIC_SOURCE)
    for function in ("nothing", "add", "fail", "hold"):
        sdk.create_pipeline(
            f"periodic-{function}",
            "periodic.py",
            function,
            container_config={"local_folder": str(folder)},
            inputs=PERIODIC_INPUTS.get(function),
            outputs=PERIODIC_OUTPUTS.get(function),
        )


def mapped(name: str, noun: str, **kind: Any) -> dict[str, Any]:
    """An element of a mapping: ``mapped("number1", "input", constant_value=1)``."""
    return {f"pipeline_{noun}_name": name, **kind}


NULL_INPUTS = [mapped(item.name, "input", is_null=True) for item in PERIODIC_INPUTS["add"]]
NULL_OUTPUTS = [mapped(item.name, "output", is_null=True) for item in PERIODIC_OUTPUTS["add"]]


def periodic_body(deployment_name: str, **fields: Any) -> dict[str, Any]:
    """A request to create a periodic deployment; a field that is ``...`` is left out."""
    body = {"pipeline_name": NOTHING, "name": deployment_name, "mode": "elastic"}
    body |= {"schedule": "0 3 * * *", **fields}
    return {key: value for key, value in body.items() if value is not ...}


@pytest.fixture(scope="session")
def sdk(server: RunningServer) -> Iterator[HeadraceSdk]:
    with HeadraceSdk(server.token, server.url) as made:
        yield made


@pytest.fixture(scope="session")
def periodic_pipelines(sdk: HeadraceSdk, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The pipelines of periodic deployments, ready on the shared server."""
    make_periodic_pipelines(sdk, tmp_path_factory.mktemp("periodic"))


@pytest.fixture
def name(sdk: HeadraceSdk, periodic_pipelines: None) -> Iterator[str]:
    """A name for a deployment, which is deleted afterwards."""
    chosen = f"periodic-{uuid.uuid4().hex[:8]}"
    yield chosen
    forget(sdk, chosen)


@pytest.fixture
def create(http: httpx.Client, name: str) -> Callable[..., dict[str, Any]]:
    """Creates the deployment ``name`` and returns it: ``create(schedule="0 3 * * *")``."""

    def post(**fields: Any) -> dict[str, Any]:
        if fields.get("schedule") == "* * * * *":
            early_in_a_minute()
        answer = http.post(PERIODIC, json=periodic_body(name, **fields))
        assert answer.status_code == 201, answer.text
        created: dict[str, Any] = answer.json()
        return created

    return post
