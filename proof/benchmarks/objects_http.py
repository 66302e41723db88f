"""Speed and memory of uploads and downloads through a server, beside a plain ASGI application.

The client is a bare socket in this process: it sends a file by ``sendfile`` and throws away what it
receives, so that what is measured is the server. The plain application does the least that an ASGI
server can: it writes a request's body to a file, and answers with the chunks of one.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from proof.benchmarks.objects import MIB, Growth, Measured

from headrace import HeadraceSdk

READ = 1 << 20
STARTS_IN_S = 60

PLAIN = "benchmarks.objects_http:plain_application"


async def plain_application(scope: Any, receive: Any, send: Any) -> None:
    """Write the body of a POST to the file that ``PLAIN_FILE`` names; answer a GET with it."""
    file = os.environ["PLAIN_FILE"]
    if scope["type"] != "http":
        return
    start = {"type": "http.response.start", "status": 200, "headers": []}
    if scope["method"] == "POST":
        with open(file, "wb", buffering=0) as target:  # noqa: ASYNC230, PTH123 - the least there is
            more = True
            while more:
                message = await receive()
                target.write(message.get("body", b""))
                more = message.get("more_body", False)
        await send(start)
    else:
        size = str(os.stat(file).st_size).encode()  # noqa: PTH116 - as above
        await send(start | {"headers": [(b"content-length", size)]})
        async for chunk in _chunks(file):
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _chunks(file: str) -> AsyncIterator[bytes]:
    with open(file, "rb", buffering=0) as source:  # noqa: ASYNC230, PTH123 - as above
        while chunk := await asyncio.to_thread(source.read, READ):
            yield chunk


@contextmanager
def running(command: list[str], announced: str, environ: dict[str, str]) -> Iterator[Any]:
    """Start a server, wait until it says where it is, and stop it at the end."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={**os.environ, **environ}, start_new_session=True
        )
        try:
            deadline = time.monotonic() + STARTS_IN_S
            while True:
                log.seek(0)
                text = log.read().decode()
                if re.search(announced, text):
                    break
                if process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"{command} did not start:\n{text}")
                time.sleep(0.05)
            yield process, text
        finally:
            process.terminate()
            process.wait()


def send_form(url: str, fields: dict[str, str], file: Path) -> None:
    """Upload a file as a form, as clients do to a signed URL."""
    boundary = "b" * 32
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head += f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="file"\r\n\r\n'
    tail = f"\r\n--{boundary}--\r\n"
    length = len(head) + file.stat().st_size + len(tail)
    kind = f"Content-Type: multipart/form-data; boundary={boundary}\r\n"
    with connected(url) as (connection, target), file.open("rb") as source:
        request = f"POST {target} HTTP/1.1\r\nHost: bench\r\n{kind}Content-Length: {length}\r\n\r\n"
        connection.sendall((request + head).encode())
        connection.sendfile(source)
        connection.sendall(tail.encode())
        check_status(connection.recv(4096))


def receive(url: str, size: int) -> None:
    """Download ``size`` bytes and throw them away."""
    buffer = bytearray(READ)
    with connected(url) as (connection, target):
        request = f"GET {target} HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n"
        connection.sendall(request.encode())
        begin = connection.recv(4096)
        check_status(begin)
        received = len(begin.partition(b"\r\n\r\n")[2])
        while count := connection.recv_into(buffer):
            received += count
    if received != size:
        raise RuntimeError(f"{received} bytes of {size} came")


@contextmanager
def connected(url: str) -> Iterator[tuple[socket.socket, str]]:
    """Connect to the server of a URL; give the connection and what to ask for."""
    parts = urlsplit(url)
    with socket.create_connection((str(parts.hostname), parts.port or 80)) as connection:
        yield connection, (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def check_status(answer: bytes) -> None:
    """Raise RuntimeError unless an answer is a success."""
    if not re.match(rb"HTTP/1.1 2\d\d", answer):
        raise RuntimeError(answer.decode("utf-8", "replace"))


def measure_ways(
    ways: dict[str, tuple[Callable[[], None], int | None]], rounds: int
) -> list[Measured]:
    """Time each way in turn, best of ``rounds``; its process, if any, is watched for memory."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    growth = dict.fromkeys(ways, 0)
    for _ in range(rounds):
        for name, (way, process) in ways.items():
            os.sync()
            with Growth(psutil.Process(process)) as grown:
                start = time.perf_counter()
                way()
                seconds[name].append(time.perf_counter() - start)
            growth[name] = max(growth[name], grown.peak)
    return [Measured(name, min(seconds[name]), growth[name]) for name in ways]


def through_the_server(folder: Path, source: Path, rounds: int) -> list[Measured]:
    """Measure a server of its own on ``folder``, the plain application, and cp."""
    size = source.stat().st_size
    copy, plain = folder / "http-copy", folder / "http-plain"
    headrace = Path(sys.executable).parent / "headrace"
    serve = [str(headrace), "serve", "--data-dir", str(folder / "server"), "--port", "0"]
    uvicorn = [sys.executable, "-m", "uvicorn", PLAIN, "--port", "0", "--no-access-log"]
    environ = {"PLAIN_FILE": str(plain), "HEADRACE_MAX_UPLOAD_BYTES": str(size)}
    with (
        running(serve, r"HEADRACE_SDK_TOKEN=\S+", environ) as (server, said),
        running(uvicorn, r"running on (\S+)", environ) as (floor, floor_said),
    ):
        root = re.search(r"running on (\S+)", floor_said)[1]  # type: ignore[index] # waited for
        token = re.search(r"HEADRACE_SDK_TOKEN=(\S+)", said)[1]  # type: ignore[index] # as above
        url = re.search(r"HEADRACE_ENVIRONMENT_URL=(\S+)", said)[1]  # type: ignore[index] # as above
        with HeadraceSdk(token, url) as sdk:
            signed = signed_urls(url, token)
            ways: dict[str, tuple[Callable[[], None], int | None]] = {
                "cp": (lambda: run("cp", source, copy), None),
                "cp, then sync": (lambda: copy_durably(source, copy), None),
                "plain ASGI, upload": (lambda: send_form(root, {}, source), floor.pid),
                "upload": (lambda: send_form(*signed.upload("big"), source), server.pid),
                "SDK, upload": (lambda: sdk.upload_data_store_object(source, "sdk"), server.pid),
                "plain ASGI, download": (
                    lambda: receive(root, plain.stat().st_size),
                    floor.pid,
                ),
                "download": (lambda: receive(signed.download("big"), size), server.pid),
                "SDK, download": (
                    lambda: sdk.download_data_store_object("sdk", copy),
                    server.pid,
                ),
            }
            return measure_ways(ways, rounds)


class signed_urls:  # noqa: N801 - reads as what it returns
    """Asks a server for signed URLs, as any client does."""

    def __init__(self, url: str, token: str) -> None:
        import httpx  # noqa: PLC0415 - the SDK's own, for the calls that it makes inside

        self._http = httpx.Client(base_url=f"{url}/api/v1")
        answer = self._http.post("/auth/refresh", json={"refresh_token": token}).json()
        self._http.headers["authorization"] = f"Bearer {answer['access_token']}"

    def upload(self, path: str) -> tuple[str, dict[str, str]]:
        answer = self._http.get("/data-store/upload", params={"path_to_object": path}).json()
        return answer["signed_url"], answer["fields"]

    def download(self, path: str) -> str:
        answer = self._http.post("/data-store/download", data={"path_to_object": path}).json()
        return str(answer["signed_url"])


def run(*command: object) -> None:
    """Run a command; raises CalledProcessError."""
    subprocess.run([str(part) for part in command], check=True)


def copy_durably(source: Path, copy: Path) -> None:
    run("cp", source, copy)
    run("sync", copy)


def report(measured: list[Measured], size: int) -> list[str]:
    """Return the lines to print."""
    seconds = {m.name: m.seconds for m in measured}
    lines = [f"{'':22} {'seconds':>8} {'MiB/s':>8} {'x cp':>6} {'x cp+sync':>10} {'memory':>10}"]
    lines += [
        f"{m.name:22} {m.seconds:8.2f} {size / MIB / m.seconds:8.0f} "
        f"{seconds['cp'] / m.seconds:6.2f} {seconds['cp, then sync'] / m.seconds:10.2f} "
        f"{f'+{m.growth / MIB:.1f} MiB':>10}"
        for m in measured
    ]
    return lines
