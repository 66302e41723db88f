"""The ``headrace`` command on a real server, as a process of its own or in this one."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from headrace.cli.start import run

HEADRACE = Path(sys.executable).parent / "headrace"

CODE = """
import time
from pathlib import Path


def add(number1, number2):
    print("adding")
    return {"total": number1 + number2}


def double(source):
    Path("out.csv").write_bytes(Path(source["path"]).read_bytes() * 2)
    return {"result": {"path": "out.csv"}}


def wait(seconds):
    print("waiting", flush=True)
    time.sleep(seconds)
    print("waited")


def fail():
    raise ValueError("too bad")


def echo(text):
    return {"text": text}


def nothing():
    pass
"""

PIPELINES = {
    "add": [
        "--input",
        "number1:number!",
        "--input",
        "number2:number=6",
        "--output",
        "total:number",
    ],
    "double": ["-i", "source:file!", "-o", "result:file"],
    "wait": ["-i", "seconds:number!"],
    "fail": [],
    "echo": ["-i", "text:string", "-o", "text:string"],
    "nothing": [],
}


PIPED: dict[str, Any] = {
    "stdin": subprocess.DEVNULL,
    "stdout": subprocess.PIPE,
    "stderr": subprocess.PIPE,
}


@dataclass(frozen=True)
class Done:
    """What became of one command line."""

    returncode: int
    stdout: str
    stderr: str


@dataclass
class Command:
    """Carries out command lines with given variables, in a given folder."""

    environ: dict[str, str]
    folder: Path

    def start(self, *arguments: object, **options: Any) -> subprocess.Popen[bytes]:
        """Start a process of its own."""
        return subprocess.Popen(
            [HEADRACE, *map(str, arguments)],
            env=self.environ,
            cwd=self.folder,
            **(PIPED | options),
        )

    def process(self, *arguments: object, text: str = "") -> Done:
        """Run a process of its own to its end."""
        with self.start(*arguments, stdin=subprocess.PIPE) as process:
            out, err = process.communicate(text.encode(), timeout=60)
        return Done(process.returncode, out.decode(), err.decode())

    def __call__(self, *arguments: object, text: str = "") -> Done:
        """Do the same in this process, which spares the start of another."""
        stdin, stdout, stderr = (
            io.TextIOWrapper(io.BytesIO(content), "utf-8") for content in (text.encode(), b"", b"")
        )
        with (
            mock.patch.dict(os.environ, self.environ, clear=True),
            mock.patch("sys.stdin", stdin),
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(stdout),
            contextlib.redirect_stderr(stderr),
        ):
            code = run([str(argument) for argument in arguments])
        texts = []
        for stream in (stdout, stderr):
            stream.flush()
            texts.append(stream.buffer.getvalue().decode())
        return Done(code, *texts)

    def said(self, *arguments: object, text: str = "") -> str:
        """Return stdout of a command that succeeds."""
        done = self(*arguments, text=text)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def json(self, *arguments: object, text: str = "") -> object:
        return json.loads(self.said(*arguments, "--json", text=text))


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A project's folder."""
    root = tmp_path_factory.mktemp("project")
    (root / "main.py").write_text(CODE)
    return root


def plain_environ(home):
    """Return variables that name no server, with a home of their own."""
    kept = {key: os.environ[key] for key in ("PATH", "LANG", "LC_ALL") if key in os.environ}
    return kept | {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "config")}


@pytest.fixture
def nobody(tmp_path):
    """The command of a user who has set nothing up."""
    return Command(plain_environ(tmp_path), tmp_path)


@pytest.fixture(scope="session")
def headrace(server, folder, tmp_path_factory):
    """The command of a user of the shared server."""
    home = tmp_path_factory.mktemp("home")
    return Command(plain_environ(home) | server.client_environ, folder)


@pytest.fixture(scope="session")
def pipeline(headrace):
    """Returns the name of the pipeline of a function of :data:`CODE`, created when first asked."""
    made = set()

    def name_of(function):
        name = f"cli-{function}"
        if name not in made:
            arguments = PIPELINES[function]
            headrace.said(
                "pipelines", "create", name, "--function", f"main.py:{function}", *arguments
            )
            made.add(name)
        return name

    yield name_of
    for name in made:
        headrace.said("pipelines", "delete", name)


@pytest.fixture
def fresh(headrace):
    """An unused name; a pipeline of this name is deleted at the end."""
    yield "cli-fresh"
    headrace("pipelines", "delete", "cli-fresh", "--force")
