"""A bench that writes a function, keeps pods of it, and calls them."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import sys
import textwrap
import time
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import psutil
from tests.pythons import working_ones

from headrace.core.calls import Code, InputFile, Material
from headrace.core.credentials import Credential, Holder
from headrace.core.loglines import LogLine, parse_line
from headrace.core.outcomes import Failure, Outcome, Returned
from headrace.core.pipelines import Calling
from headrace.core.pods import PodCall, PodPlan, PodSetState, QueueFull
from headrace.core.values import DataType, Json
from headrace.engines.local import install_harness
from headrace.engines.local.hanging import Patience
from headrace.engines.local.pods import LocalPodEngine, PodSettings
from headrace.engines.local.pods.ticket import Ticket

DEPLOYMENT = "d"


def with_settings(before: Any, settings: Mapping[str, object]) -> Any:
    """Return an engine's settings with some changed, and those of its patience by their names."""
    patience = {field.name for field in fields(Patience)}
    return replace(
        before,
        patience=replace(
            before.patience, **{name: settings[name] for name in settings if name in patience}
        ),
        **{name: settings[name] for name in settings if name not in patience},
    )


class PodBench:
    """One pipeline folder, an engine, one deployment, and short ways to call it and to look."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / "pipeline"
        self.python = Path(sys.executable)
        self.settings = PodSettings(
            runtime_dir=root / "runtime",
            harness_dir=install_harness(root / "harness"),
            engine_id=f"pods-{hashlib.sha256(str(root).encode()).hexdigest()}",
            patience=Patience(look_s=0.1),
            stop_grace_s=2,
            retry_s=0.2,
            max_retry_s=1,
        )
        self.engine: LocalPodEngine
        self.issued: list[Credential] = []
        self.revoked: list[Credential] = []
        self.identity: Mapping[str, str] = {}
        self.open()
        self.variables: Mapping[str, str] = {}
        self._numbers = itertools.count(1)
        self._bundles = itertools.count(1)
        self.bundle = "b0"

    def open(self, **settings: object) -> None:
        self.settings = with_settings(self.settings, settings)
        self.engine = LocalPodEngine(self.settings, self, self.issue)

    async def resolve(self, code: Code) -> Material:
        """What all code stands for (:class:`headrace.engines.port.Materials`)."""
        assert code.environment == "env"
        return Material(self.python, self.folder)

    def issue(self, holder: Holder) -> Credential:
        """Give a pod :attr:`identity`, and keep a note of it."""
        assert holder.deployment_id in {DEPLOYMENT, "other"}
        credential = Credential(self.identity, lambda: self.revoked.append(credential))
        self.issued.append(credential)
        return credential

    def write(self, source: str, path: str = "src/f.py") -> None:
        """Write a file of the pipeline, which becomes another bundle by that."""
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(source))
        self.bundle = f"b{next(self._bundles)}"

    def plan(
        self,
        function: str = "fn",
        *,
        outputs: Mapping[str, str] | None = None,
        path: str = "src/f.py",
        calling: str = "platform",
        **limits: Any,
    ) -> PodPlan:
        declared = {"out": "json"} if outputs is None else outputs
        return PodPlan(
            deployment_id=DEPLOYMENT,
            code=Code("env", self.bundle, path, function, calling=Calling(calling)),
            outputs={name: DataType(kind) for name, kind in declared.items()},
            log=self.root / "logs" / "deployment.log",
            **({"generation": self.bundle, "variables": self.variables} | limits),
        )

    async def deploy(self, *args: Any, **kwargs: Any) -> None:
        failure = await self.engine.deploy(self.plan(*args, **kwargs))
        assert failure is None, (failure, self.said())

    async def refused(self, *args: Any, **kwargs: Any) -> Failure:
        """Deploy what cannot be deployed, and return why."""
        failure = await self.engine.deploy(self.plan(*args, **kwargs))
        assert failure is not None
        return failure

    def call(
        self,
        values: Mapping[str, Json] | None = None,
        *,
        files: Mapping[str, InputFile] | None = None,
        stream: bool = False,
        execution_id: str | None = None,
    ) -> PodCall:
        number = next(self._numbers)
        return PodCall(
            execution_id=execution_id or f"execution-{number}",
            values=values or {},
            variables=self.variables,
            log=str(self.root / "logs" / f"{number:02}" / f"{number}.log"),
            workspace=str(self.root / "workspaces" / str(number)),
            files=files or {},
            stream=stream,
        )

    def submit(self, *args: Any, **kwargs: Any) -> Ticket:
        found = self.engine.submit(DEPLOYMENT, self.call(*args, **kwargs))
        assert not isinstance(found, QueueFull), found
        return found

    async def run(self, *args: Any, **kwargs: Any) -> Outcome:
        return await self.submit(*args, **kwargs).ended

    async def value(self, *args: Any, **kwargs: Any) -> Json:
        """Call the function and return its output ``out``."""
        ticket = self.submit(*args, **kwargs)
        outcome = await ticket.ended
        assert isinstance(outcome, Returned), (outcome, self.log(ticket), self.said())
        return outcome.values["out"]

    async def failure(self, *args: Any, **kwargs: Any) -> Failure:
        outcome = await self.run(*args, **kwargs)
        assert isinstance(outcome, Failure), outcome
        return outcome

    def state(self) -> PodSetState:
        return self.engine.state(DEPLOYMENT)

    def log(self, ticket: Ticket) -> list[tuple[str, str]]:
        """Return the streams and messages of a call's log."""
        return [(line.stream, line.message) for line in lines_of(Path(ticket.call.log))]

    def said(self, stream: str | None = None) -> list[str]:
        """Return the messages of the deployment's log, without the ids of the pods."""
        lines = lines_of(self.root / "logs" / "deployment.log")
        return [
            line.message.partition(" ")[2]
            for line in lines
            if stream is None or line.stream == stream
        ]

    async def until(self, found: Callable[[], object], timeout_s: float = 60.0) -> object:
        """Wait until ``found`` returns something true, and return that."""
        deadline = time.monotonic() + timeout_s
        while not (value := found()):
            assert time.monotonic() < deadline, ("did not come true", self.state(), self.said())
            await asyncio.sleep(0.005)
        return value

    def processes(self) -> list[psutil.Process]:
        """Return the living processes that the engine started, directly or not."""
        found = []
        for process in psutil.process_iter():
            try:
                if (
                    process.environ().get("HEADRACE_ENGINE") == self.settings.engine_id
                    or Path(process.cwd()).is_relative_to(self.root)
                ) and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except (psutil.Error, OSError):
                continue
        return found


def lines_of(path: Path) -> list[LogLine]:
    """Return the lines of a log, having checked that all parse and times ascend."""
    if not path.exists():
        return []
    lines = [parse_line(raw) for raw in path.read_bytes().splitlines(keepends=True)]
    assert None not in lines
    kept = [line for line in lines if line is not None]
    assert [line.at_us for line in kept] == sorted(line.at_us for line in kept)
    return kept


def interpreters(*versions: str) -> list[Path]:
    """Return an interpreter of each of these versions that this machine has."""
    return working_ones(*versions)
