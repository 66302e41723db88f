"""``headrace dev`` and ``run --local`` in a folder of their own, with a cache of their own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tests.cli.conftest import Command
from tests.conftest import HEADRACE, clean_environ, wait_until

START_S = 60
CODE = """\
import os


def predict(n: int, scale: float = 1.0):
    print("predicting", n)
    if n < 0:
        raise ValueError(f"n is {n}")
    return {"total": n * scale, "mark": os.environ.get("MARK", "none")}
"""


@dataclass
class Project:
    """A folder with a function, and the commands that are given in it.

    Attributes:
        folder: The folder.
        home: The home of who gives them.
    """

    folder: Path
    home: Path
    started: list[Dev] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.folder / "src" / "model.py"

    @property
    def environ(self) -> dict[str, str]:
        return {
            **clean_environ(),
            "HOME": str(self.home),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "UV_CACHE_DIR": str(self.home / "uv"),
        }

    @property
    def command(self) -> Command:
        """The command as it is given in the folder."""
        return Command(self.environ, self.folder)

    def dev(self, *options: str, function: str = "src/model.py:predict") -> Dev:
        """Start ``headrace dev``."""
        log = self.home / f"dev{len(self.started)}.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [HEADRACE, "dev", function, *options],
                cwd=self.folder,
                env=self.environ,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # Who runs the tests in the background has them ignore what Ctrl-C sends.
                preexec_fn=hear_interrupts,  # noqa: PLW1509 - one call, no lock
            )
        self.started.append(Dev(process, log, self.home))
        return self.started[-1]


def hear_interrupts() -> None:
    """Have a process that is about to start end at Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@dataclass
class Dev:
    """A ``headrace dev`` that runs."""

    process: subprocess.Popen[bytes]
    log: Path
    home: Path

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_for(self, *texts: str) -> None:
        """Wait until it has said all of these."""
        wait_until(
            lambda: all(text in self.said for text in texts) or self.process.poll() is not None,
            timeout_s=START_S,
            what=f"{texts}; it said: {self.said}",
        )
        assert all(text in self.said for text in texts), self.said

    def up(self) -> Dev:
        """Wait until the function answers."""
        self.wait_for("Ctrl-C ends it.")
        return self

    @property
    def url(self) -> str:
        found = re.search(r"^url +(\S+)", self.said, re.MULTILINE)
        assert found, self.said
        return found[1]

    @property
    def token(self) -> str:
        found = re.search(r"EndpointToken ([^\"]+)\"", self.said)
        assert found, self.said
        return found[1]

    def call(self, **inputs: Any) -> tuple[int, dict[str, Any]]:
        """Call the endpoint; return status and body."""
        headers = {"Authorization": f"EndpointToken {self.token}"}
        answer = httpx.post(self.url, headers=headers, json=inputs, timeout=60)
        return answer.status_code, answer.json()

    def interrupt(self) -> int:
        """Press Ctrl-C, and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        return self.process.wait(60)

    def processes(self) -> list[psutil.Process]:
        """The processes that work for its server."""
        found = []
        for process in psutil.process_iter(["cmdline", "environ"]):
            words = f"{process.info['cmdline']} {process.info['environ']}"
            if process.pid != os.getpid() and f"{self.home}/cache/headrace" in words:
                found.append(process)
        return found


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A folder with :data:`CODE`."""
    made = Project(tmp_path / "project", tmp_path / "home")
    made.file.parent.mkdir(parents=True)
    made.home.mkdir()
    made.file.write_text(CODE)
    yield made
    for dev in made.started:
        # Its server ends with it, however it ends.
        dev.process.kill()
        dev.process.wait(60)


Changed = Callable[[str, str], None]


@pytest.fixture
def edit(project: Project) -> Changed:
    """Replaces a text of the function's file by another, in one step."""

    def change(before: str, after: str) -> None:
        text = project.file.read_text()
        assert before in text
        # Elsewhere, so that one look finds all of the change.
        draft = project.home / "draft"
        draft.write_text(text.replace(before, after))
        draft.replace(project.file)

    return change
