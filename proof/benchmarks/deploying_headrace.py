"""How soon changed code answers that is deployed again, rolled back, or beside ``headrace dev``."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from proof.benchmarks.deploying_applications import Application, Measure, asked, until
from proof.benchmarks.running import Running
from proof.benchmarks.serving.processes import last_words, started, wait_for

from headrace import HeadraceSdk

HEADRACE = Path(sys.executable).parent / "headrace"
CODE = """\
def add(number1: int, number2: int):
    return {"number3": number1 + number2}
"""
BODY = b'{"number1": 9, "number2": 6}'

Deploy = Callable[[], object]


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
        until(lambda: expected in asked(found["endpoint_url"], BODY, headers)[1], lambda: endpoint)


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
                until(lambda: sum_of(more) in asked(url, BODY, headers)[1], lambda: last_words(log))
                return time.perf_counter() - begin

            yield measure
