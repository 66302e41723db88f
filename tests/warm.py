"""Pipelines to be called in pods, and low-latency deployments of them."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from tests.conftest import RunningServer, wait_until

from headrace import HeadraceError, HeadraceSdk, Input, Output

SOURCE = '''\
"""What pods run in these tests: one function for each kind, which does what it is told."""

import asyncio
import inspect
import json
import os
import sys
import threading
import time
import urllib.request
from pathlib import Path

STATE = {"calls": 0}
print("imported with", os.environ.get("WARM_WORD"), flush=True)


def add(number1, number2):
    return {"number3": number1 + number2}


def do(what, argument):
    return {"value": OPERATIONS[what](argument)}


async def do_async(what, argument):
    made = OPERATIONS[what](argument)
    return {"value": await made if inspect.isawaitable(made) else made}


def describe(text, number, flag, record, items, document):
    content = Path(document["path"]).read_bytes() if document else b""
    Path("copy.bin").write_bytes(content[::-1])
    seen = {"text": text, "number": number, "flag": flag, "record": record, "items": items}
    return {"seen": seen, "copy": {"path": "copy.bin"}}


def count(_):
    STATE["calls"] += 1
    return {"calls": STATE["calls"], "pid": os.getpid(), "thread": threading.get_ident()}


def hold(path):
    """Say that it has begun, and go on when it is told to."""
    print("began", os.environ["CRAFT_AI_EXECUTION_ID"], flush=True)
    Path(path + ".began").touch()
    while not Path(path).exists():
        time.sleep(0.005)
    return {"thread": threading.get_ident(), "id": os.environ["CRAFT_AI_EXECUTION_ID"]}


async def hold_async(path):
    print("began", os.environ["CRAFT_AI_EXECUTION_ID"], flush=True)
    Path(path + ".began").touch()
    while not Path(path).exists():
        await asyncio.sleep(0.005)
    return {"thread": threading.get_ident(), "id": os.environ["CRAFT_AI_EXECUTION_ID"]}


def fail(message):
    print("about to fail", flush=True)
    raise ValueError(message)


def fail_first(path):
    """Fail until the file is there, which the first attempt makes."""
    if not Path(path).exists():
        Path(path).touch()
        raise RuntimeError("not yet")
    return os.getpid()


def leave(how):
    if how == "exit":
        sys.exit(3)
    os._exit(3)


def ask(method, path):
    """Ask the server as the SDK does, with what user code finds in its environment."""
    root = os.environ["CRAFT_AI_ENVIRONMENT_URL"] + "/api/v1"
    token = json.dumps({"refresh_token": os.environ["CRAFT_AI_SDK_TOKEN"]}).encode()
    refresh = urllib.request.Request(
        root + "/auth/refresh", token, {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(refresh) as answer:
        access = json.load(answer)["access_token"]
    path = path.replace("SELF", os.environ["CRAFT_AI_EXECUTION_ID"])
    request = urllib.request.Request(
        root + path, headers={"Authorization": "Bearer " + access}, method=method
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


OPERATIONS = {
    "count": count,
    "hold": hold,
    "hold_async": hold_async,
    "fail": fail,
    "fail_first": fail_first,
    "leave": leave,
    "ask": lambda argument: ask(*argument),
    "environ": lambda names: {name: os.environ.get(name) for name in names},
    "say": lambda text: print(text),
    "give": lambda value: value,
    "big": lambda size: "x" * size,
    "object": lambda _: object(),
    "sleep": lambda seconds: time.sleep(seconds),
    "sleep_async": lambda seconds: asyncio.sleep(seconds),
}
'''

GATED = (
    SOURCE
    + """

def tick():
    print("process", os.getpid())


print("process", os.getpid(), flush=True)
if "WARM_FOLDER" in os.environ:
    folder = Path(os.environ["WARM_FOLDER"])
    if (folder / "broken").exists():
        raise LookupError("broken on purpose")
    while (folder / "shut").exists():
        time.sleep(0.005)
"""
)
"""As the other, but the import fails while a file is there, and waits while another one is."""

DO = (
    [Input("what", "string", is_required=True), Input("argument", "json")],
    [Output("value", "json")],
)
SIGNATURES: dict[str, tuple[list[Input], list[Output]]] = {
    "add": (
        [
            Input("number1", "number", is_required=True),
            Input("number2", "number", default_value=1),
        ],
        [Output("number3", "number")],
    ),
    "do": DO,
    "do_async": DO,
    "tick": ([], []),
    "describe": (
        [
            Input("text", "string"),
            Input("number", "number"),
            Input("flag", "boolean"),
            Input("record", "json"),
            Input("items", "array"),
            Input("document", "file"),
        ],
        [Output("seen", "json"), Output("copy", "file")],
    ),
}


@dataclass(frozen=True)
class Endpoint:
    """An endpoint as its callers see it."""

    name: str
    url: str
    token: str
    http: httpx.Client = field(repr=False)

    def post(self, json: Any = None, **more: Any) -> httpx.Response:
        headers = {"Authorization": f"EndpointToken {self.token}", **more.pop("headers", {})}
        return self.http.post(more.pop("url", self.url), json=json, headers=headers, **more)

    def do(self, what: str, argument: Any = None, **more: Any) -> Any:
        """Return the value of one operation of :data:`SOURCE`."""
        answer = self.post({"what": what, "argument": argument}, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()["outputs"]["value"]


class Holds:
    """Calls that wait in user code until they are told to go on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._threads = ThreadPoolExecutor(32)
        self._held: list[Held] = []

    def start(self, endpoint: Endpoint, what: str = "hold", **more: Any) -> Held:
        """Start a call of ``hold``; it may have to wait for others."""
        path = self._folder / uuid.uuid4().hex
        body = {"what": what, "argument": str(path)}
        held = Held(path, self._threads.submit(endpoint.post, body, **more))
        self._held.append(held)
        return held

    def close(self) -> None:
        """Let all of them go."""
        for held in self._held:
            held.let_go()
        self._threads.shutdown()


@dataclass(frozen=True)
class Held:
    """A call that goes on when it is let go."""

    path: Path
    answer: Future[httpx.Response]

    @property
    def has_begun(self) -> bool:
        return self.path.with_name(f"{self.path.name}.began").exists()

    def begun(self) -> Held:
        wait_until(lambda: self.has_begun or self.answer.done(), what="the call begins")
        assert self.has_begun, self.answer.result().text
        return self

    def let_go(self) -> None:
        self.path.touch()

    def result(self) -> httpx.Response:
        self.let_go()
        return self.answer.result(60)


class Maker:
    """Makes pipelines and deployments, and deletes the deployments."""

    def __init__(self, running: RunningServer, folder: Path) -> None:
        self.running = running
        self.sdk = HeadraceSdk(running.token, running.url)
        self.http = httpx.Client(timeout=60, limits=httpx.Limits(max_connections=None))
        self._folder = folder
        self._pipelines: dict[str, str] = {}
        self._deployments: list[str] = []
        self._lock = threading.Lock()

    def pipeline(self, function: str, source: str = SOURCE) -> str:
        with self._lock:
            key = function + source
            if key not in self._pipelines:
                folder = self._folder / uuid.uuid4().hex
                folder.mkdir()
                (folder / "work.py").write_text(source)
                name = f"warm-{function.replace('_', '-')}-{uuid.uuid4().hex[:8]}"
                inputs, outputs = SIGNATURES[function]
                self.sdk.create_pipeline(
                    name,
                    "work.py",
                    function,
                    container_config={"local_folder": str(folder)},
                    inputs=inputs,
                    outputs=outputs,
                )
                self._pipelines[key] = name
            return self._pipelines[key]

    def create(self, function: str = "do", rule: str = "endpoint", **options: Any) -> Any:
        """Create a deployment, low-latency unless said, and return it as the SDK shows it."""
        name = options.pop("name", f"warm-{uuid.uuid4().hex[:8]}")
        pipeline = options.pop("pipeline", None) or self.pipeline(function)
        options = {"mode": "low_latency", **options}
        self._deployments.append(name)
        return self.sdk.create_deployment(pipeline, name, rule, **options)

    def endpoint(self, function: str = "do", **options: Any) -> Endpoint:
        return self.seen(self.create(function, **options))

    def seen(self, made: Any) -> Endpoint:
        return Endpoint(made["name"], made["endpoint_url"], made["endpoint_token"], self.http)

    def execution(self, execution_id: str) -> Any:
        return self.sdk.get_pipeline_execution(execution_id, include_files=False)

    def executions(self, deployment_name: str) -> list[Any]:
        """Return the executions of a deployment, oldest first."""
        found = self.sdk.list_executions(limit=500)["items"]
        return [item for item in reversed(found) if item["deployment_name"] == deployment_name]

    def forget(self, name: str) -> None:
        with suppress(HeadraceError):
            self.sdk.delete_deployment(name)

    def close(self) -> None:
        for name in self._deployments:
            self.forget(name)
        self.http.close()
        self.sdk.close()


@contextmanager
def maker(running: RunningServer, folder: Path) -> Iterator[Maker]:
    made = Maker(running, folder)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def holds_in(folder: Path) -> Iterator[Holds]:
    made = Holds(folder)
    try:
        yield made
    finally:
        made.close()
