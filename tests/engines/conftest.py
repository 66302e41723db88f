"""A bench that writes pipelines and runs them through the local engine, and scientific Pythons."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import itertools
import os
import subprocess
import sys
import textwrap
import time
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.engines.pod_bench import PodBench, with_settings

from headrace.core.calls import Call, Code, InputFile, Limits, Material
from headrace.core.loglines import LogLine, parse_line
from headrace.core.outcomes import Outcome, Returned
from headrace.core.pipelines import Calling
from headrace.core.values import DataType, Json, JsonText
from headrace.engines.local import LocalEngine, LocalEngineSettings, install_harness
from headrace.engines.port import Engine

REPOSITORY = Path(__file__).parents[2]
SCIENCE = [
    "numpy==2.2.6",
    "pandas==2.3.3",
    "scikit-learn==1.8.0",  # brings the OpenMP runtime of GNU
    "xgboost-cpu==3.2.0",  # uses it as well
    "intel-openmp==2025.2.1",  # brings that of LLVM
    "gevent==25.9.1",
]


def plain(value: Json) -> Json:
    """A value as it was returned; a large one comes as text."""
    return value.value() if isinstance(value, JsonText) else value


class Bench:
    """One pipeline folder, an engine, and short ways to run calls and to look at them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "pipeline"
        self.python = Path(sys.executable)
        self.settings = LocalEngineSettings(
            runtime_dir=root / "runtime",
            harness_dir=install_harness(root / "harness"),
            engine_id=f"bench-{hashlib.sha256(str(root).encode()).hexdigest()}",
        )
        self.engine: Engine
        self.open()
        self._numbers = itertools.count(1)
        self._bundles = itertools.count(1)
        self.bundle = "b0"

    def open(self, **settings: object) -> None:
        self.settings = with_settings(self.settings, settings)
        self.engine = LocalEngine(self.settings, self)

    async def resolve(self, code: Code) -> Material:
        """What all code stands for (:class:`headrace.engines.port.Materials`)."""
        assert code.environment == "env"
        return Material(self.python, self.folder)

    def write(self, source: str, path: str = "src/f.py") -> None:
        """Write a file of the pipeline, which becomes another bundle by that."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(source))
        self.bundle = f"b{next(self._bundles)}"

    def call(
        self,
        function: str = "fn",
        values: Mapping[str, Json] | None = None,
        *,
        outputs: Mapping[str, str] | None = None,
        files: Mapping[str, InputFile] | None = None,
        variables: Mapping[str, str] | None = None,
        path: str = "src/f.py",
        calling: str = "platform",
        **limits: Any,
    ) -> Call:
        number = next(self._numbers)
        return Call(
            execution_id=f"execution-{number}",
            attempt=1,
            code=Code("env", self.bundle, path, function, calling=Calling(calling)),
            values=values or {},
            files=files or {},
            outputs={name: DataType(kind) for name, kind in (outputs or {}).items()},
            variables=variables or {},
            identity={"CRAFT_AI_EXECUTION_ID": f"execution-{number}"},
            workspace=self.root / "workspaces" / str(number),
            log=self.root / "logs" / f"{number}.log",
            limits=Limits(**({"grace_s": 0.5} | limits)),
        )

    async def run(self, *args: Any, **kwargs: Any) -> tuple[Outcome, list[LogLine]]:
        call = self.call(*args, **kwargs)
        outcome = await self.engine.run(call)
        return outcome, self.log(call)

    async def value(self, function: str = "fn", *args: Any, **kwargs: Any) -> Json:
        """Run a function with the one output ``out``, of type json, and return its value."""
        outcome, log = await self.run(function, *args, outputs={"out": "json"}, **kwargs)
        assert isinstance(outcome, Returned), (outcome, log)
        return plain(outcome.values["out"])

    def log(self, call: Call) -> list[LogLine]:
        """Return the lines of a call's log, having checked that all parse and times ascend."""
        if not call.log.exists():
            return []
        lines = [parse_line(raw) for raw in call.log.read_bytes().splitlines(keepends=True)]
        assert None not in lines
        kept = [line for line in lines if line is not None]
        assert [line.at_us for line in kept] == sorted(line.at_us for line in kept)
        return kept

    async def until(self, found: Callable[[], object], timeout_s: float = 60.0) -> object:
        """Wait until ``found`` returns something true, and return that."""
        deadline = time.monotonic() + timeout_s
        while not (value := found()):
            assert time.monotonic() < deadline, "the condition did not come true"
            await asyncio.sleep(0.01)
        return value

    def processes(self) -> list[psutil.Process]:
        """Return the living processes that the engine started, directly or not."""
        mark = self.settings.engine_id
        found = []
        for process in psutil.process_iter():
            try:
                if (
                    process.environ().get("HEADRACE_ENGINE") == mark
                    or Path(process.cwd()).is_relative_to(self.root)
                ) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found

    def guards(self) -> list[psutil.Process]:
        """Return those of them that the engine started itself."""
        return [process for process in self.processes() if _parent(process) == os.getpid()]

    def templates(self) -> list[psutil.Process]:
        """Return those of them that import user code: the first of each guard."""
        guards = {process.pid for process in self.guards()}
        return [process for process in self.processes() if _parent(process) in guards]

    def waiting(self) -> list[psutil.Process]:
        """Return those that a template forked and that have no folder of their own yet."""
        templates = {process.pid for process in self.templates()}
        found = []
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                if process.ppid() in templates and not _has_a_call(process):
                    found.append(process)
        return found


def _has_a_call(process: psutil.Process) -> bool:
    """Whether a process has moved into the workspace of a call, by a mount or by its folder."""
    mounts = Path(f"/proc/{process.pid}/mountinfo").read_text()
    return "/workspaces/" in mounts or "/workspaces/" in process.cwd()


def _parent(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return process.ppid()
    return 0


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path)
    yield made
    await made.engine.close()
    assert made.processes() == []


@pytest.fixture
async def pods(tmp_path: Path) -> AsyncIterator[PodBench]:
    made = PodBench(tmp_path)
    yield made
    await made.engine.close()
    assert made.processes() == []


@pytest.fixture(scope="session")
def science_python() -> Path:
    """An interpreter with scientific packages and gevent, built once and kept."""
    digest = hashlib.sha256("\n".join([sys.version, *SCIENCE]).encode()).hexdigest()[:16]
    folder = REPOSITORY / ".cache" / "test-envs" / digest
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"{digest}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "complete").exists():
            uv = str(REPOSITORY / ".venv" / "bin" / "uv")
            python = folder / "bin" / "python"
            subprocess.run(
                [uv, "venv", "--quiet", "--clear", "--python", sys.executable, folder], check=True
            )
            subprocess.run(
                [uv, "pip", "install", "--quiet", "--python", python, *SCIENCE], check=True
            )
            (folder / "complete").touch()
    return folder / "bin" / "python"
