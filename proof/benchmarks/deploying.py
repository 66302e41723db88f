"""How soon changed code answers: Headrace deploys again, others start again; medians of rounds.

Run ``python -m proof.benchmarks.deploying`` on a machine that does nothing else. Each round changes
one line of each application and waits for the first answer of the new line; all take turns.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from proof.benchmarks.running import Running, running_server
from proof.benchmarks.serving.flow_runs import PREFECT
from proof.benchmarks.serving.peers import FOLDERS, PEERS, NotInstalled, Peer, installed
from proof.benchmarks.serving.processes import (
    DidNotStart,
    free_port,
    last_words,
    started,
    wait_for,
)
from proof.benchmarks.serving.tables import table

from headrace import HeadraceSdk

ROUNDS = 3
ANSWERS_IN_S = 60
PAUSE_S = 0.005
HEADRACE = Path(sys.executable).parent / "headrace"
SUMS = ("numbers.number1 + numbers.number2", "number1 + number2", "numbers[0] + numbers[1]")
"""What each application writes for the sum; a round adds its number to it."""

CODE = """\
def add(number1: int, number2: int):
    return {"number3": number1 + number2}
"""
BODY = b'{"number1": 9, "number2": 6}'
RESTARTED = ("fastapi", "litserve", "bentoml")
UNIT = "FastAPI"
Measure = Callable[[int], float]
"""Changes the code so that sums are greater by a number; returns seconds until one is."""

Deploy = Callable[[], object]


@dataclass
class Application:
    """The folder of an application whose sum a round changes.

    Attributes:
        folder: A copy of its folder.
        file: The file with the sum.
    """

    folder: Path
    file: str
    _text: str = field(init=False)

    def __post_init__(self) -> None:
        self._text = (self.folder / self.file).read_text()

    def change(self, more: int) -> None:
        """Have its sums be greater by so many."""
        found = next(one for one in SUMS if one in self._text)
        (self.folder / self.file).write_text(self._text.replace(found, f"{found} + {more}"))


def asked(
    url: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
) -> tuple[int, str]:
    """Return status and text of an answer; 0 if there is none."""
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=ANSWERS_IN_S)
    try:
        method = "GET" if body is None else "POST"
        connection.request(
            method, f"/{path}", body, {"Content-Type": "application/json", **(headers or {})}
        )
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except (OSError, http.client.HTTPException):
        return 0, ""
    finally:
        connection.close()


def until(is_so: Callable[[], bool], what: str) -> None:
    """Ask again and again until something is so."""
    deadline = time.monotonic() + ANSWERS_IN_S
    while not is_so():
        if time.monotonic() > deadline:
            raise DidNotStart(f"{what}: not within {ANSWERS_IN_S} s")
        time.sleep(PAUSE_S)


@contextmanager
def restarting(peer: Peer) -> Iterator[Measure]:
    """Yield what changes a peer's code and starts it again."""
    filled = {"bin": installed(peer.folder), "port": free_port(), "other": free_port()}
    command = [part.format(**filled) for part in peer.command.split()]
    url = f"http://127.0.0.1:{filled['port']}{peer.path}"
    with tempfile.TemporaryDirectory(prefix="headrace-peer-") as scratch, ExitStack() as stack:
        folder, log = Path(scratch, "folder"), Path(scratch, "log")
        shutil.copytree(FOLDERS / peer.folder, folder)
        application = Application(folder, "app.py")
        environ = {k: v.format(**filled) for k, v in peer.environ.items()} | {"HOME": scratch}
        running = stack.enter_context(_processes(command, folder, environ, log))

        def measure(more: int) -> float:
            expected = peer.expected.replace("15", str(15 + more))
            application.change(more)
            begin = running()
            until(lambda: expected in asked(url, peer.body)[1], f"{peer.name}: {last_words(log)}")
            return time.perf_counter() - begin

        yield measure


@contextmanager
def serving_again() -> Iterator[Measure]:
    """Yield what changes a flow of Prefect and serves it again; a server of Prefect goes on."""
    programs, port = installed("prefect"), free_port()
    api = f"http://127.0.0.1:{port}/api"
    with tempfile.TemporaryDirectory(prefix="headrace-peer-") as scratch, ExitStack() as stack:
        folder, log = Path(scratch, "folder"), Path(scratch, "log")
        shutil.copytree(FOLDERS / "prefect", folder)
        application = Application(folder, "served.py")
        # Its runner would look for new runs each ten seconds.
        environ = {
            **PREFECT,
            "HOME": scratch,
            "PREFECT_API_URL": api,
            "PREFECT_RUNNER_POLL_FREQUENCY": "1",
        }
        serve = [programs / "prefect", "server", "start", "--host", "127.0.0.1"]
        stack.enter_context(started([*serve, "--port", port], folder, environ, log))
        until(lambda: asked(f"{api}/health")[0] == 200, "the server of Prefect")
        command = [str(programs / "python"), "served.py"]
        running = stack.enter_context(_processes(command, folder, environ, log))

        def measure(more: int) -> float:
            application.change(more)
            begin = running()
            until(lambda: asked(f"{api}/deployments/name/add/add")[0] == 200, "its deployment")
            deployment = json.loads(asked(f"{api}/deployments/name/add/add")[1])["id"]
            body = json.dumps({"parameters": {"number1": 9, "number2": 6}}).encode()
            run = json.loads(asked(f"{api}/deployments/{deployment}/create_flow_run", body)[1])
            expected = f'"sum {15 + more}"'
            until(lambda: expected in asked(f"{api}/flow_runs/{run['id']}")[1], last_words(log))
            return time.perf_counter() - begin

        yield measure


@contextmanager
def _processes(
    command: list[str], folder: Path, environ: Mapping[str, str], log: Path
) -> Iterator[Callable[[], float]]:
    """Yield what ends the process of a command, if there is one, and starts it again.

    It returns the time of the start: how long the end takes is not counted.
    """
    running: list[ExitStack] = []

    def start_again() -> float:
        while running:
            running.pop().close()
        begin = time.perf_counter()
        stack = ExitStack()
        stack.enter_context(started(command, folder, environ, log))
        running.append(stack)
        return begin

    try:
        yield start_again
    finally:
        while running:
            running.pop().close()


def sum_of(more: int) -> str:
    """Return what an answer has that was made by code whose sums are greater by a number."""
    return f'"number3":{15 + more}}}'


class Deploying:
    """A function that is deployed to a server again and again.

    Args:
        server: The server.
        folder: An empty folder for its code.
    """

    def __init__(self, server: Running, folder: Path) -> None:
        self._server = server
        (folder / "main.py").write_text(CODE)
        self._application = Application(folder, "main.py")
        self._folder = folder
        self._sdk = HeadraceSdk(server.token, server.url)
        self._environ = {
            **os.environ,
            "HEADRACE_ENVIRONMENT_URL": server.url,
            "HEADRACE_SDK_TOKEN": server.token,
        }

    def from_python(self, endpoint: str, *, low_latency: bool) -> Deploy:
        """Return what deploys the code by ``sdk.deploy``."""
        return lambda: self._sdk.deploy(
            "main.py:add",
            name=endpoint,
            folder=self._folder,
            endpoint=endpoint,
            low_latency=low_latency,
        )

    def by_command(self, endpoint: str, *, low_latency: bool) -> Deploy:
        """Return what deploys the code by ``headrace deploy``."""
        options = ["--name", endpoint, "--endpoint", endpoint, *["--low-latency"] * low_latency]
        command = [str(HEADRACE), "deploy", "main.py:add", *options]
        return lambda: subprocess.run(
            command, cwd=self._folder, env=self._environ, check=True, capture_output=True
        )

    def changed(self, endpoint: str, deploy: Deploy) -> Measure:
        """Return what deploys changed code, and waits for an answer of it."""

        def measure(more: int) -> float:
            self._application.change(more)
            begin = time.perf_counter()
            deploy()
            self._wait_for(endpoint, more)
            return time.perf_counter() - begin

        return measure

    def unchanged(self, deploy: Deploy) -> Measure:
        """Return what deploys code that is there already."""

        def measure(more: int) -> float:
            self._application.change(more)
            deploy()
            begin = time.perf_counter()
            deploy()
            return time.perf_counter() - begin

        return measure

    def back(self, endpoint: str, deploy: Deploy) -> Measure:
        """Return what goes back from changed code, and waits for an answer of the code before."""

        def measure(more: int) -> float:
            for one in (more, more + 1):
                self._application.change(one)
                deploy()
            begin = time.perf_counter()
            self._sdk.rollback_pipeline(endpoint)
            self._wait_for(endpoint, more)
            return time.perf_counter() - begin

        return measure

    def _wait_for(self, endpoint: str, more: int) -> None:
        found = self._sdk.get_deployment(endpoint)
        headers = {"Authorization": f"EndpointToken {found['endpoint_token']}"}
        expected = sum_of(more)
        until(lambda: expected in asked(found["endpoint_url"], BODY, headers)[1], endpoint)


@contextmanager
def developing(*options: str) -> Iterator[Measure]:
    """Yield what changes code beside ``headrace dev`` and waits for an answer of it."""
    with tempfile.TemporaryDirectory(prefix="headrace-peer-") as scratch:
        folder, log = Path(scratch, "folder"), Path(scratch, "log")
        folder.mkdir()
        (folder / "main.py").write_text(CODE)
        application = Application(folder, "main.py")
        environ = {"XDG_CACHE_HOME": scratch}
        command = [HEADRACE, "dev", "main.py:add", *options]
        with started(command, folder, environ, log) as process:
            wait_for(lambda: "Ctrl-C" in log.read_text(), process, log)
            said = log.read_text()
            url = re.findall(r"^url +(\S+)", said, re.MULTILINE)[0]
            headers = {"Authorization": re.findall(r"EndpointToken [^\"]+", said)[0]}

            def measure(more: int) -> float:
                application.change(more)
                begin = time.perf_counter()
                until(lambda: sum_of(more) in asked(url, BODY, headers)[1], log.read_text())
                return time.perf_counter() - begin

            yield measure


def all_measures(stack: ExitStack) -> Iterator[tuple[str, Measure]]:
    """Yield what is measured, under the name that the table has for it."""
    for name in RESTARTED:
        yield from _installed(stack, f"{PEERS[name].name}, started again", restarting(PEERS[name]))
    yield from _installed(stack, "Prefect, served again, until a run has ended", serving_again())
    server = stack.enter_context(running_server())
    for mode, low_latency in (("low latency", True), ("elastic", False)):
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="headrace-peer-")))
        deploying = Deploying(server, folder)
        name = mode.replace(" ", "-")
        command = deploying.by_command(name, low_latency=low_latency)
        python = deploying.from_python(name, low_latency=low_latency)
        yield f"headrace deploy, {mode}", deploying.changed(name, command)
        yield f"sdk.deploy, {mode}", deploying.changed(name, python)
        yield f"headrace deploy, {mode}, nothing changed", deploying.unchanged(command)
        yield f"sdk.deploy, {mode}, nothing changed", deploying.unchanged(python)
        yield f"rollback, {mode}", deploying.back(name, python)
        options = ["--low-latency"] * low_latency
        yield f"headrace dev, {mode}, file saved", stack.enter_context(developing(*options))


def _installed(
    stack: ExitStack, name: str, measuring: AbstractContextManager[Measure]
) -> Iterator[tuple[str, Measure]]:
    try:
        yield name, stack.enter_context(measuring)
    except NotInstalled as error:
        print(f"{name}: not installed: {error}", file=sys.stderr)


def main() -> None:
    """Measure in rounds, and print the table."""
    times: dict[str, list[float]] = {}
    with ExitStack() as stack:
        measures = dict(all_measures(stack))
        numbers = count(10, 2)
        for number in range(ROUNDS + 1):
            for name, measure in measures.items():
                taken = measure(next(numbers))
                # The first round builds environments and fills caches.
                if number:
                    times.setdefault(name, []).append(taken)
    unit = statistics.median(next(iter(times.values())))
    rows = [
        [
            name,
            f"{statistics.median(taken):.2f} s",
            f"{min(taken):.2f} to {max(taken):.2f}",
            f"{statistics.median(taken) / unit:.2f}",
        ]
        for name, taken in times.items()
    ]
    print(table(["from changed code to its first answer", "median", "range", f"of {UNIT}"], rows))


if __name__ == "__main__":
    main()
