"""A container engine that works here, a small image to build on, and a bench of containers.

No registry is reachable, so the image is made of the machine's own Python with the libraries that
it needs. Where no container engine can start a container, the tests that need one are skipped, and
say what it answered.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import re
import resource
import shutil
import subprocess
import textwrap
import uuid
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from headrace.core.calls import Call, Code, InputFile, Limits
from headrace.core.dockerfiles import image_digest
from headrace.core.loglines import parse_line
from headrace.core.outcomes import Failure, Outcome, Returned
from headrace.core.values import DataType
from headrace.engines.container.engine import ContainerEngine, ContainerEngineSettings
from headrace.engines.container.images import LABEL, ContainerImages, image_name
from headrace.engines.container.tool import ToolFinder

PYTHON = Path("/usr/bin/python3")
LEFT_OUT = shutil.ignore_patterns(
    "__pycache__", "test", "idlelib", "lib2to3", "ensurepip", "tkinter", "pydoc_data", "config-*"
)
PATIENCE_S = 60.0


@dataclass(frozen=True)
class Place:
    """A container engine that starts containers here.

    Attributes:
        program: Its command.
        base: Name of a small image with ``python3`` and ``sh``, which runs :data:`PROGRAM`.
        environ: Variables with which it works.
    """

    program: str
    base: str
    environ: Mapping[str, str]

    def ask(self, *arguments: str) -> str:
        """Return what a command prints."""
        return ask(self.program, *arguments, environ=self.environ)

    def containers_of(self, data_id: str) -> list[str]:
        """Return the names of the containers of a data directory, those that have ended too."""
        mine = f"label={LABEL}={data_id}"
        return self.ask("ps", "-a", "--filter", mine, "--format", "{{.Names}}").split()

    def images_of(self, data_id: str) -> list[str]:
        """Return the names of the images of a data directory."""
        found = self.ask("images", "--format", "{{.Repository}}:{{.Tag}}").split()
        return [name for name in found if data_id in name]


def ask(program: str, *arguments: str, environ: Mapping[str, str]) -> str:
    done = subprocess.run(
        [program, *arguments],
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip().splitlines()[-1:] or done.returncode)
    return done.stdout


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The container engine of this machine; skipped where there is none."""
    folder = tmp_path_factory.mktemp("base")
    problems = []
    for program in filter(shutil.which, ("podman", "docker")):
        base = f"localhost/headrace-tests:{uuid.uuid4().hex}"
        try:
            found = working(program, base, folder)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            problems.append(f"{program}: {error}")
            continue
        yield found
        with contextlib.suppress(RuntimeError):
            found.ask("rmi", "-f", base)
        return
    pytest.skip(f"no container engine starts containers here: {problems or 'none is installed'}")


def working(program: str, base: str, folder: Path) -> Place:
    """Return a place, having started a container in it."""
    ask(program, "info", environ={})
    # What a Dockerfile adds to an image can be added here as well.
    changes = [f"--change={line}" for line in ("WORKDIR /app", f"CMD {json.dumps(COMMAND)}")]
    ask(program, "import", *changes, str(base_archive(folder)), base, environ={})
    last: Exception | None = None
    for environ in ({}, modest(folder)):
        found = Place(program, base, environ)
        try:
            found.ask("run", "--rm", "--network=host", base, "python3", "-c", "print('up')")
        except RuntimeError as error:
            last = error
            continue
        return found
    ask(program, "rmi", "-f", base, environ={})
    raise RuntimeError(last)


def modest(folder: Path) -> dict[str, str]:
    """Settings of podman for machines that may not raise limits and mix both kinds of cgroups."""
    files = min(resource.getrlimit(resource.RLIMIT_NOFILE)[1], 20_000)
    runtime = shutil.which("runc")
    path = folder / "containers.conf"
    path.write_text(
        f'[containers]\ndefault_ulimits = ["nofile={files}:{files}", "nproc=4096:4096"]\n'
        + (f'[engine]\nruntime = "{runtime}"\n' if runtime else "")
    )
    return {"CONTAINERS_CONF": str(path)}


def base_archive(folder: Path) -> Path:
    """Return a tar file of the machine's Python and shell with their libraries."""
    archive = folder / "base.tar"
    if archive.exists():
        return archive
    root = folder / "root"
    python = PYTHON.resolve()
    lib = Path("/usr/lib") / python.name
    shell = Path("/bin/sh").resolve()
    shutil.copytree(lib, root / lib.relative_to("/"), ignore=LEFT_OUT)
    for place, source in (("usr/bin/python3", python), ("bin/sh", shell)):
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, root / place)
    for library in libraries([python, shell, *(lib / "lib-dynload").glob("*.so")]):
        target = root / library.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(library, target)
    for name in ("tmp", "etc", "proc", "sys", "dev", "run"):
        (root / name).mkdir()
    (root / "tmp").chmod(0o1777)
    (root / "app").mkdir()
    (root / "app/main.py").write_text(PROGRAM)
    (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nguest:x:1234:1234::/:/bin/sh\n")
    subprocess.run(["tar", "-C", root, "--owner=0", "--group=0", "-cf", archive, "."], check=True)
    shutil.rmtree(root)
    return archive


def libraries(programs: list[Path]) -> set[str]:
    done = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False)
    return set(re.findall(r"(/\S+) \(0x", done.stdout))


PROGRAM = """\
import json, os
with open(os.environ["HEADRACE_INPUTS"]) as file:
    values = json.load(file)
def give(**outputs):
    with open(os.environ["HEADRACE_OUTPUTS"], "w") as file:
        json.dump(outputs, file)
exec(values["code"])
"""
"""What the image runs: the code that is its input."""

COMMAND = ["python3", "-u", "/app/main.py"]


class Yard:
    """An engine of images, and short ways to run calls."""

    def __init__(self, place: Place, root: Path) -> None:
        self.place = place
        self.root = root
        self.data_id = hashlib.sha256(str(root).encode()).hexdigest()[:16]
        self.finder = ToolFinder(place.program, root, 8)
        self.images = ContainerImages(self.finder, self.data_id, root / "images")
        self.engine = ContainerEngine(ContainerEngineSettings(self.data_id), self.finder)
        self.said: list[str] = []

    async def build(self, dockerfile: str, **files: str) -> Code:
        """Build an image by a Dockerfile that begins with the place's own, and return its code."""
        folder = self.root / f"folder-{uuid.uuid4().hex}"
        folder.mkdir()
        for name, text in {**files, "Dockerfile": f"FROM {self.place.base}\n{dockerfile}"}.items():
            (folder / name).write_text(text)
        code = self.code_of(folder.name)
        await self.images.ready(code.environment, folder, "Dockerfile", self.said.append)
        return code

    def ready(self) -> Code:
        """Return the code of an image that needs no build."""
        code = self.code_of("folder")
        self.place.ask("tag", self.place.base, image_name(self.data_id, code.environment))
        return code

    def code_of(self, bundle: str) -> Code:
        """Return the code of a folder with a Dockerfile."""
        digest = image_digest(bundle, "Dockerfile")
        return Code(digest, bundle, "", "", dockerfile_path="Dockerfile")

    def call(self, code: Code, program: str, **given: Any) -> Call:
        """Return a call of the bench's program."""
        ident = uuid.uuid4().hex
        call = Call(
            execution_id=ident,
            attempt=1,
            code=code,
            values={"code": textwrap.dedent(program)},
            files={},
            outputs={},
            variables={},
            identity={"HEADRACE_EXECUTION_ID": ident},
            workspace=self.root / "workspaces" / ident,
            log=self.root / "logs" / ident,
            limits=Limits(grace_s=1.0),
        )
        return replace(call, **given)

    async def run(self, code: Code, program: str, **given: Any) -> Outcome:
        """Run a call of the bench's program."""
        return await self.engine.run(self.call(code, program, **given))

    def input_file(self, name: str, content: bytes) -> InputFile:
        """Return a file that is given to a call."""
        path = self.root / name
        path.write_bytes(content)
        return InputFile(path, name)


def log_of(call: Call) -> list[tuple[str, str]]:
    """The lines of a call: stream and message."""
    lines = [parse_line(raw) for raw in call.log.read_bytes().splitlines(keepends=True)]
    return [(line.stream, line.message) for line in lines if line is not None]


def returned(outcome: Outcome) -> Returned:
    assert isinstance(outcome, Returned), outcome
    return outcome


def failed(outcome: Outcome) -> Failure:
    assert isinstance(outcome, Failure), outcome
    return outcome


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition that is asked in a thread."""
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while not await asyncio.to_thread(condition):
        if asyncio.get_running_loop().time() > deadline:
            pytest.fail(f"did not happen: {what}")
        await asyncio.sleep(0.1)


NUMBER = {"number": DataType.NUMBER}


@pytest.fixture
async def yard(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Yard]:
    """An engine of its own, of which nothing is left in the end."""
    for name, value in place.environ.items():
        monkeypatch.setenv(name, value)
    made = Yard(place, tmp_path)
    yield made
    await made.engine.close()
    assert place.containers_of(made.data_id) == []
    for name in place.images_of(made.data_id):
        with contextlib.suppress(RuntimeError):
            place.ask("rmi", name)
