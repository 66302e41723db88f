"""Pipelines that say when they begin and wait to be told how to go on, and ones that resist."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from tests.conftest import RunningServer, wait_until

from headrace import HeadraceSdk, Input, InputSource, Output, OutputDestination

SOURCE = '''\
import os
import pathlib
import signal
import subprocess
import sys
import time


def told(folder, name):
    """Say who runs as NAME.PID.TEMPLATE, and do what NAME.PID.go says, once it is there."""
    print(f"{name} begins", flush=True)
    draft = pathlib.Path(folder, f"{name}.{os.getpid()}.draft")
    draft.touch()
    draft.rename(draft.with_name(f"{name}.{os.getpid()}.{os.getppid()}"))
    go = draft.with_suffix(".go")
    while not go.exists():
        time.sleep(0.01)
    if go.read_text() == "fail":
        raise ValueError(f"{name} was told to fail")
    return {"by": os.getpid()}


def resist(folder, name):
    """Start processes of every kind, none of which heeds SIGTERM; each says its number."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say = (
        f"import os, pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"pathlib.Path({folder!r}, f'{name}.{{os.getpid()}}.0').touch(); time.sleep(600)"
    )
    nested = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {say!r}]); {say}"
    subprocess.Popen([sys.executable, "-c", nested])
    subprocess.Popen([sys.executable, "-c", nested], start_new_session=True)
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            exec(say)
        os._exit(0)
    exec(say)
'''

FUNCTIONS = ("told", "resist")
RESISTING = 6
"""How many processes ``resist`` is: itself, two children, a child of each, a daemon."""


def make_pipelines(sdk: HeadraceSdk, folder: Path, names: Sequence[str] = FUNCTIONS) -> None:
    folder.mkdir(exist_ok=True)
    (folder / "told.py").write_text(SOURCE)
    for name in names:
        sdk.create_pipeline(
            name,
            "told.py",
            name,
            container_config={"local_folder": str(folder)},
            inputs=[Input("folder", "string"), Input("name", "string")],
            outputs=[Output("by", "number")] if name == "told" else [],
        )


@dataclass
class Told:
    """A server with these pipelines, and what their code says.

    Attributes:
        server: The server.
        folder: Where the code says that it runs, and looks for what to do.
    """

    server: RunningServer
    folder: Path
    sdk: HeadraceSdk = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self.connect()

    def restart(self) -> None:
        """Start the server again, and speak to it."""
        self.server.start()
        self.connect()

    def connect(self) -> None:
        self.sdk = HeadraceSdk(self.server.token, self.server.url, verbose_log=False)

    def run(self, name: str, pipeline: str = "told") -> str:
        """Start a run; return its id."""
        inputs = {"folder": str(self.folder), "name": name}
        started = self.sdk.run_pipeline(pipeline, inputs=inputs, wait_for_completion=False)
        return str(started["execution_id"])

    def endpoint(self, name: str, pipeline: str = "told", **more: Any) -> None:
        self.sdk.create_deployment(pipeline, name, "endpoint", **more)

    def periodic(self, name: str, **more: Any) -> None:
        """A deployment that nothing fires by itself for a while."""
        self.sdk.create_deployment(
            "told",
            name,
            "periodic",
            schedule="* * * * *",
            inputs_mapping=[
                InputSource("folder", constant_value=str(self.folder)),
                InputSource("name", constant_value=name),
            ],
            outputs_mapping=[OutputDestination("by", is_null=True)],
            **more,
        )

    def call(self, name: str) -> str:
        """Call an endpoint of that name; return the execution's id."""
        inputs = {"folder": str(self.folder), "name": name}
        called = self.sdk.trigger_endpoint(name, inputs=inputs, wait_for_completion=False)
        return str(called["execution_id"])

    def pids(self, name: str) -> list[tuple[int, int]]:
        """Process and template of each that has begun under a name, the oldest first."""
        marks = [mark for mark in self.folder.glob(f"{name}.*") if mark.suffix[1:].isdigit()]
        marks.sort(key=lambda mark: mark.stat().st_ctime_ns)
        return [(int(mark.name.split(".")[1]), int(mark.suffix[1:])) for mark in marks]

    def begun(self, name: str, count: int = 1) -> tuple[int, int]:
        """Wait until so many have begun; return process and template of the last."""
        wait_until(lambda: len(self.pids(name)) >= count, what=f"{count} of {name} begin")
        return self.pids(name)[-1]

    def go(self, name: str, pid: int, word: str = "") -> None:
        draft = self.folder / f"{name}.{pid}.go-draft"
        draft.write_text(word)
        draft.rename(draft.with_suffix(".go"))

    def execution(self, execution_id: str) -> dict[str, Any]:
        return dict(self.sdk.get_pipeline_execution(execution_id))

    def status(self, execution_id: str) -> str:
        return str(self.execution(execution_id)["status"])

    def ended(self, execution_id: str) -> dict[str, Any]:
        """Wait for the end of an execution, and return it."""
        final = {"Succeeded", "Failed", "Error"}
        wait_until(lambda: self.status(execution_id) in final, what=f"{execution_id} ends")
        return self.execution(execution_id)

    def log(self, execution_id: str) -> str:
        lines = self.sdk.get_pipeline_execution_logs(execution_id)
        return "\n".join(line["message"] for line in lines)


def is_alive(pid: int) -> bool:
    """Whether a process runs, and is not dead already and only not collected yet."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill(pid: int) -> None:
    os.kill(pid, 9)
