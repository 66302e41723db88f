"""How soon changed code of other products answers, whose processes are started again."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from proof.benchmarks.deploying_applications import Application, Measure, asked, until
from proof.benchmarks.serving.flow_runs import PREFECT
from proof.benchmarks.serving.peers import FOLDERS, Peer, installed
from proof.benchmarks.serving.processes import free_port, last_words, started


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
            until(lambda: expected in asked(url, peer.body)[1], lambda: last_words(log))
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
        until(lambda: asked(f"{api}/health")[0] == 200, lambda: last_words(log))
        command = [str(programs / "python"), "served.py"]
        running = stack.enter_context(_processes(command, folder, environ, log))

        def measure(more: int) -> float:
            application.change(more)
            begin = running()
            until(
                lambda: asked(f"{api}/deployments/name/add/add")[0] == 200, lambda: last_words(log)
            )
            deployment = json.loads(asked(f"{api}/deployments/name/add/add")[1])["id"]
            body = json.dumps({"parameters": {"number1": 9, "number2": 6}}).encode()
            run = json.loads(asked(f"{api}/deployments/{deployment}/create_flow_run", body)[1])
            expected = f'"sum {15 + more}"'
            until(
                lambda: expected in asked(f"{api}/flow_runs/{run['id']}")[1],
                lambda: last_words(log),
            )
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
