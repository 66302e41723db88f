"""What a function does on a local server it does on a server: results, errors, logs, answers."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import HEADRACE, RunningServer, clean_environ

from headrace import HeadraceError, HeadraceSdk
from headrace.local.own_server import OwnServer
from headrace.local.place import place_of

# Notes of a deployment, such as of inputs without hints, are warnings.
pytestmark = [pytest.mark.system, pytest.mark.filterwarnings("ignore::UserWarning")]

CODE = """\
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Optional, TypedDict


class Everything(TypedDict):
    n: float
    text: str
    yes: bool
    items: list
    tree: dict


def values(n: float, text: str, yes: bool, items: list, tree: dict) -> Everything:
    return {"n": n, "text": text, "yes": yes, "items": items, "tree": tree}


def defaults(
    n: int = 3, text: str = "ä", items: list = [1, 2], other: Optional[str] = None
) -> list:
    return [n, text, items, other]


def file(source: Path, times: int = 2) -> Path:
    target = Path("copy.bin")
    target.write_bytes(source.read_bytes() * times)
    return target


def no_file(n: int) -> Path:
    return Path("nowhere.bin")


@dataclass
class Point:
    x: int
    y: int = 1


def point(point: Point, sign: Literal["plus", "minus"] = "plus") -> Point:
    return Point(point.x + 1 if sign == "plus" else point.x - 1, point.y)


def untyped(number, text="none"):
    return {"number": number, "text": text}


def nothing(n: int) -> None:
    print("n is", n)


def prints(n: int) -> int:
    for line in range(n):
        print("line", line)
        print("error", line, file=sys.stderr)
    sys.stdout.write("no end of line")
    return n


def fails(n: int) -> int:
    print("before")
    return 1 // n


def chained(n: int) -> int:
    try:
        return {}["missing"]
    except KeyError as error:
        raise RuntimeError(f"no {n}") from error


def exits(n: int) -> int:
    sys.exit(n)


def wrong_type(n: int) -> int:
    return "text" if n else 1


def wrong_keys(n: int) -> Everything:
    return {"n": n}


def no_json(n: int) -> dict:
    return {"what": object()}


def stream(n: int) -> Iterator[int]:
    for number in range(n):
        yield number


async def waits(n: int) -> int:
    import asyncio

    await asyncio.sleep(0)
    return n + 1


def not_understood(n: int, what: "Nonsense") -> int:
    return n
"""
BROKEN = {
    "missing.py": "import nonsense\n\ndef f(n: int) -> int:\n    return n\n",
    "late.py": "import os\nMODEL = os.environ['MODEL']\n\ndef f(n: int) -> int:\n    return n\n",
    "syntax.py": "def f(n: int) -> int:\n    return (\n",
}
ALL = {"n": 1.5, "text": "é\n", "yes": True, "items": [1, [None]], "tree": {"a": {"b": 2}}}
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("model.py:values", ALL),
    ("model.py:values", {**ALL, "yes": "yes"}),
    ("model.py:values", {**ALL, "text": None}),
    ("model.py:values", {"n": 1}),
    ("model.py:values", {**ALL, "more": 1}),
    ("model.py:defaults", {}),
    ("model.py:defaults", {"n": 0, "items": [], "other": "x"}),
    ("model.py:file", {"source": b"ab\0", "times": 3}),
    ("model.py:file", {}),
    ("model.py:no_file", {"n": 1}),
    ("model.py:point", {"point": {"x": 1}, "sign": "minus"}),
    ("model.py:point", {"point": {"x": "one"}}),
    ("model.py:point", {"point": {"x": 1}, "sign": "other"}),
    ("model.py:untyped", {"number": {"any": ["thing"]}}),
    ("model.py:nothing", {"n": 1}),
    ("model.py:prints", {"n": 2}),
    ("model.py:fails", {"n": 0}),
    ("model.py:chained", {"n": 1}),
    ("model.py:exits", {"n": 3}),
    ("model.py:wrong_type", {"n": 1}),
    ("model.py:wrong_keys", {"n": 1}),
    ("model.py:no_json", {"n": 1}),
    ("model.py:stream", {"n": 2}),
    ("model.py:waits", {"n": 1}),
    ("model.py:not_understood", {"n": 1}),
    ("model.py:nowhere", {"n": 1}),
    ("missing.py:f", {"n": 1}),
    ("late.py:f", {"n": 1}),
    ("syntax.py:f", {"n": 1}),
]


@dataclass(frozen=True)
class Side:
    """A server, with what was deployed to it."""

    sdk: HeadraceSdk
    http: httpx.Client
    folder: Path

    def did(self, function: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """Deploy a function, run it, call it; return all that its user sees."""
        name = f"same-{re.sub('[^a-z]+', '-', function)}"
        try:
            made = self.sdk.deploy(function, name=name, folder=self.folder, endpoint=name)
        except HeadraceError as error:
            return {"refused": (type(error).__name__, plain(error.message))}
        assert made.url is not None
        pipeline = self.sdk.get_pipeline(name)["parameters"]
        return {
            "signature": [pipeline["inputs"], pipeline["outputs"], pipeline["description"]],
            "run": self._run(name, inputs),
            "call": self._called(made.url, str(made.token), inputs),
        }

    def _run(self, name: str, inputs: dict[str, Any]) -> list[Any]:
        try:
            started = self.sdk.run_pipeline(name, inputs, wait_for_completion=False)
        except HeadraceError as error:
            return [type(error).__name__, error.message]
        execution_id = started["execution_id"]
        try:
            ended = self.sdk.retrieve_pipeline_execution_outputs(execution_id)["outputs"]
        except HeadraceError as error:
            ended = [type(error).__name__, plain(error.message), error.details["failure"]]
        found = self.sdk.get_pipeline_execution(execution_id)
        log = [
            (line["message"], line["stream"])
            for line in self.sdk.get_pipeline_execution_logs(execution_id)
        ]
        # Streams are two files of the process; each is in order.
        log.sort(key=lambda line: line[1])
        return [ended, found["status"], found["inputs"], found["outputs"], plain(repr(log))]

    def _called(self, url: str, token: str, inputs: dict[str, Any]) -> list[Any]:
        files = {key: value for key, value in inputs.items() if isinstance(value, bytes)}
        headers = {"Authorization": f"EndpointToken {token}"}
        values = {key: value for key, value in inputs.items() if key not in files}
        body: dict[str, Any] = {"data": values, "files": files} if files else {"json": values}
        answer = self.http.post(url, headers=headers, **body)
        return [
            answer.status_code,
            answer.headers.get("content-type"),
            plain(answer.text),
        ]


def plain(text: str) -> str:
    """Return a text without what is another in each execution."""
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "ID", text)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("same")
    for name, text in {"model.py": CODE, **BROKEN}.items():
        (root / name).write_text(text)
    return root


@pytest.fixture(scope="module")
def on_server(server: RunningServer, folder: Path) -> Iterator[Side]:
    with HeadraceSdk(server.token, server.url) as sdk, httpx.Client(timeout=60) as http:
        yield Side(sdk, http, folder)
        for pipeline in sdk.list_pipelines():
            if pipeline["pipeline_name"].startswith("same-"):
                sdk.delete_pipeline(pipeline["pipeline_name"], force_deployments_deletion=True)


@pytest.fixture(scope="module")
def locally(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Side]:
    environ = {**os.environ, "XDG_CACHE_HOME": str(tmp_path_factory.mktemp("cache"))}
    own = OwnServer(place_of(folder, environ), environ, port=0)
    assert own.spawn()
    try:
        own.wait_until_up()
        with HeadraceSdk(own.token, own.url) as sdk, httpx.Client(timeout=60) as http:
            yield Side(sdk, http, folder)
    finally:
        own.stop()


@pytest.mark.parametrize(
    ("function", "inputs"), CALLS, ids=[f"{n} {call[0]}" for n, call in enumerate(CALLS)]
)
def test_a_call_does_the_same(
    function: str, inputs: dict[str, Any], on_server: Side, locally: Side
) -> None:
    assert locally.did(function, inputs) == on_server.did(function, inputs)


@dataclass(frozen=True)
class Said:
    """What a command did, without what is another each time."""

    code: int
    out: str
    log: list[str]


def said(folder: Path, environ: dict[str, str], *arguments: object) -> Said:
    done = subprocess.run(
        [HEADRACE, *map(str, arguments)],
        cwd=folder,
        env=environ,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=100,
        check=False,
    )
    document = json.loads(done.stdout) if "--json" in arguments else done.stdout
    if isinstance(document, dict):
        document.pop("execution_id", None)
        ((document.get("error") or {}).get("additional_data") or {}).pop("execution_id", None)
    hints = ("Execution ",)
    return Said(
        done.returncode,
        json.dumps(document),
        [line for line in done.stderr.splitlines() if not line.startswith(hints)],
    )


@pytest.mark.parametrize(
    ("function", "inputs", "code"),
    [
        ("untyped", ("-i", "number=2", "--json"), 0),
        ("file", ("-i", "source=@model.py", "--out", "got"), 0),
        ("fails", ("-i", "n=0", "--json"), 1),
        ("prints", ("-i", "n=two"), 2),
        ("prints", (), 1),
    ],
)
def test_the_command_does_the_same(
    function: str,
    inputs: tuple[str, ...],
    code: int,
    folder: Path,
    server: RunningServer,
    on_server: Side,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    cache = tmp_path_factory.getbasetemp() / "commands"
    name = f"same-command-{function.replace('_', '-')}"
    on_server.sdk.deploy(f"model.py:{function}", name=name, folder=folder)
    there = said(folder, clean_environ() | server.client_environ, "run", name, *inputs, "--logs")
    environ = clean_environ() | {"XDG_CACHE_HOME": str(cache)}
    here = said(folder, environ, "run", "--local", f"model.py:{function}", *inputs)
    # Before it, a build that takes long is shown.
    log = here.log[len(here.log) - len(there.log) :]
    assert (here.code, here.out, log) == (code, there.out, there.log)
    assert there.code == code
