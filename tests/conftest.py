"""Real servers for the tests: a process of its own on a real port, with a data directory."""

from __future__ import annotations

import contextlib
import gc
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as examples
from tests.postgres import Postgres
from tests.postgres import running as running_postgres
from tests.records import ON_POSTGRES

HEADRACE = Path(sys.executable).parent / "headrace"
START_S = 60

# A busy machine is no fault of an example: what a test waits for has deadlines of its own.
examples.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
examples.load_profile("suite")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect the tests without the collector of garbage, and spare it what all of them share.

    Thousands of tests are a million objects that stay; it looked at each of them again and again.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def files_below(folder: Path) -> list[Path]:
    """Return the files below a folder of a server that works, where some come and go meanwhile."""
    return [Path(place, name) for place, _, names in os.walk(folder) for name in names]


def contents_below(folder: Path) -> dict[Path, bytes]:
    """Return what is in those files, without the ones that are gone by then."""
    found = {}
    for path in files_below(folder):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file():
                found[path] = path.read_bytes()
    return found


def wait_until(condition: Callable[[], object], *, timeout_s: float = 30, what: str = "") -> None:
    """Return as soon as ``condition()`` is true; fail after ``timeout_s``."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"did not happen within {timeout_s} s: {what or condition}")
        time.sleep(0.02)


@dataclass
class RunningServer:
    """A server process.

    Attributes:
        data_dir: Its data directory.
        environ: Its environment variables.
        url: Its root URL, once started.
        token: An SDK token.
    """

    data_dir: Path
    environ: dict[str, str] = field(default_factory=dict)
    url: str = ""
    token: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.data_dir.parent / f"{self.data_dir.name}.server.log"

    def start(self, program: Sequence[str | Path] = (HEADRACE,)) -> RunningServer:
        """Start it, by another program that becomes it if need be, and return it."""
        if ON_POSTGRES and "HEADRACE_DATABASE" not in self.environ:
            self.environ["HEADRACE_DATABASE"] = running_postgres().new_database().url
        begin = self.log.stat().st_size if self.log.exists() else 0
        port = self.url.rpartition(":")[2] or "0"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*program, "serve", "--data-dir", self.data_dir, "--port", port],
                env={**clean_environ(), **self.environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        process = self.process

        def said() -> str:
            return self.log.read_bytes()[begin:].decode()

        wait_until(
            lambda: "Headrace is at" in said() or process.poll() is not None,
            timeout_s=START_S,
            what="server starts",
        )
        found = re.search(r"Headrace is at (\S+)", said())
        assert found, said()
        self.url = found[1]
        first = re.search(r"HEADRACE_SDK_TOKEN=(\S+)", said())
        if first:
            self.token = first[1]
        return self

    @property
    def records(self) -> Path | str:
        """The file of its records, or the URL of its database."""
        return self.environ.get("HEADRACE_DATABASE") or self.data_dir / "headrace.db"

    def kill(self) -> None:
        """Kill the server process alone, as the machine's memory killer would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    @property
    def client_environ(self) -> dict[str, str]:
        """Variables under which either SDK and the CLI find this server."""
        names = {"ENVIRONMENT_URL": self.url, "CONTROL_URL": self.url, "SDK_TOKEN": self.token}
        return {
            f"{prefix}_{name}": value
            for prefix in ("HEADRACE", "CRAFT_AI")
            for name, value in names.items()
        }


def clean_environ() -> dict[str, str]:
    """This process's environment without what points at some server."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HEADRACE_", "CRAFT_AI_"))
    }


@pytest.fixture(scope="session")
def postgres() -> Postgres:
    """One PostgreSQL for the tests that each make databases of their own in it."""
    return running_postgres()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """One server for the tests that leave it as they found it."""
    running = RunningServer(tmp_path_factory.mktemp("server") / "data").start()
    yield running
    assert running.stop() == 0, running.log.read_text()


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Callable[..., RunningServer]]:
    """Makes servers that a test may configure and kill: ``own_server(HEADRACE_X="1")``."""
    made: list[RunningServer] = []

    def make(**environ: str) -> RunningServer:
        running = RunningServer(tmp_path / f"data{len(made)}", environ)
        made.append(running)
        return running.start()

    yield make
    for running in made:
        if running.process is not None and running.process.poll() is None:
            running.stop()
