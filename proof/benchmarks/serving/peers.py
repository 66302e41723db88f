"""The other servers: how each is installed in an environment of its own, and started."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import uv
from proof.benchmarks.serving.processes import free_port, started, wait_for
from proof.benchmarks.serving.targets import PLAIN_BODY, Target

FOLDERS = Path(__file__).parent / "applications"
ENVIRONMENTS = Path(__file__).parents[3] / ".cache" / "benchmarks" / "serving"
INSTALL_S = 600
_V2_NUMBER = b'{"name":"number%d","shape":[1],"datatype":"INT64","data":[%d]}'


class NotInstalled(Exception):
    """A peer could not be installed; the message says why."""


@dataclass(frozen=True)
class Peer:
    """A server that adds two numbers.

    Attributes:
        name: What the tables call it.
        folder: Its folder below ``applications/``; its environment has the same name.
        command: What starts it; ``{bin}``, ``{port}`` and ``{other}`` (another) are filled in.
        path: Where it adds.
        expected: A part of every right answer.
        body: What is sent to it.
        environ: Environment variables, filled in as ``command``.
        headers: What is sent with each request, beside the usual.
    """

    name: str
    folder: str
    command: str
    path: str = "/"
    expected: str = '{"number3":15}'
    body: bytes = PLAIN_BODY
    environ: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)

    @contextmanager
    def serving(self) -> Iterator[Target]:
        """Run it for the length of the context, from a copy of its folder.

        Raises:
            NotInstalled: It cannot be installed.
            DidNotStart: It does not start, or does not answer rightly.
        """
        programs = installed(self.folder)
        port, other = free_port(), free_port()
        filled = {"bin": programs, "port": port, "other": other}
        with tempfile.TemporaryDirectory(prefix="headrace-peer-") as scratch:
            folder, log = Path(scratch, "folder"), Path(scratch, "log")
            shutil.copytree(FOLDERS / self.folder, folder)
            command = [part.format(**filled) for part in self.command.split()]
            environ = {k: v.format(**filled) for k, v in self.environ.items()}
            environ |= {"HOME": scratch}
            with started(command, folder, environ, log) as process:
                target = Target(
                    name=self.name,
                    url=f"http://127.0.0.1:{port}{self.path}",
                    expected=self.expected,
                    pid=process.pid,
                    body=self.body,
                    headers=dict(self.headers),
                )
                wait_for(target.answers, process, log)
                yield target


_UVICORN = (
    "{bin}/python -m uvicorn --port {port} --loop uvloop --http httptools --no-access-log "
    "--log-level warning "
)
_MLSERVER = {
    "MLSERVER_HOST": "127.0.0.1",
    "MLSERVER_HTTP_PORT": "{port}",
    "MLSERVER_GRPC_PORT": "{other}",
    "MLSERVER_METRICS_ENDPOINT": "",
    "MLSERVER_DEBUG": "false",
}


def _mlserver(name: str, workers: int) -> Peer:
    return Peer(
        name=name,
        folder="mlserver",
        command="{bin}/mlserver start .",
        path="/v2/models/addition/infer",
        expected='"data":[15]',
        body=b'{"inputs":[' + _V2_NUMBER % (1, 9) + b"," + _V2_NUMBER % (2, 6) + b"]}",
        environ={**_MLSERVER, "MLSERVER_PARALLEL_WORKERS": str(workers)},
    )


FLOOR = "bare ASGI, a constant"
SKETCH = "bare sketch: isolated and recorded"
FASTAPI = "FastAPI"
WORKERS = "FastAPI, two workers"
PEERS: Mapping[str, Peer] = {
    "floor": Peer(FLOOR, "floor", _UVICORN + "app:constant"),
    "sketch": Peer(
        SKETCH,
        "floor",
        _UVICORN + "recorded:recorded",
        expected='{"number3": 15}',
        headers={"Authorization": "EndpointToken floor"},
    ),
    "fastapi": Peer(FASTAPI, "fastapi", _UVICORN + "app:app"),
    "fastapi-threads": Peer(
        "FastAPI, function in a thread", "fastapi", _UVICORN + "app:app", path="/threaded"
    ),
    "fastapi-workers": Peer(WORKERS, "fastapi", _UVICORN + "app:app --workers 2"),
    "litserve": Peer("LitServe", "litserve", "{bin}/python app.py {port}", path="/predict"),
    "bentoml": Peer(
        "BentoML, async API",
        "bentoml",
        "{bin}/bentoml serve app:Addition --host 127.0.0.1 --port {port}",
        expected='{"number3": 15}',
        environ={"BENTOML_DO_NOT_TRACK": "True"},
    ),
    "mlserver": _mlserver("MLServer, no workers", 0),
    "mlserver-workers": _mlserver("MLServer, one worker", 1),
}


def installed(folder: str) -> Path:
    """Return the folder of programs of a peer's environment; make it unless it is there.

    A peer without requirements runs in the environment of this process.

    Raises:
        NotInstalled: It cannot be made.
    """
    requirements = FOLDERS / folder / "requirements.txt"
    if not requirements.exists():
        return Path(sys.executable).parent
    environment = ENVIRONMENTS / folder
    digest = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    mark = environment / "installed-for"
    programs = environment / "bin"
    if mark.exists() and mark.read_text() == digest:
        return programs
    shutil.rmtree(environment, ignore_errors=True)
    environment.parent.mkdir(parents=True, exist_ok=True)
    tool = uv.find_uv_bin()
    python = str(programs / "python")
    _run([tool, "venv", "--quiet", "--python", sys.executable, str(environment)])
    _run([tool, "pip", "install", "--quiet", "--python", python, "-r", str(requirements)])
    mark.write_text(digest)
    return programs


def version(folder: str) -> str:
    """Return what is installed of a peer, as ``name version``; empty if nothing is."""
    found = (ENVIRONMENTS / folder).glob(f"lib/*/site-packages/{folder}-*.dist-info")
    return " ".join(path.name.removesuffix(".dist-info").replace("-", " ") for path in found)


def _run(command: list[str]) -> None:
    try:
        subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_S, check=True)
    except subprocess.CalledProcessError as error:
        raise NotInstalled(" ".join(error.stderr.split())[-300:]) from error
    except subprocess.TimeoutExpired as error:
        raise NotInstalled(f"not installed within {INSTALL_S} s") from error
