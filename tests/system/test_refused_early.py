"""What nobody would read is refused before it has come, and nothing of it stays on the disk."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from tests.conftest import RunningServer, files_below, wait_until

from headrace import HeadraceSdk, Input, Output

pytestmark = pytest.mark.system

SOURCE = """\
def weigh(document=None, text=None):
    return {"size": 0}
def rest():
    return {"size": 0}
"""


@pytest.fixture(scope="module")
def access(
    server: RunningServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """Credentials, by the path that they are for."""
    folder = tmp_path_factory.mktemp("early")
    (folder / "main.py").write_text(SOURCE)
    found = {}
    with HeadraceSdk(sdk_token=server.token, environment_url=server.url) as sdk:
        for function, inputs in (
            ("weigh", [Input("document", "file"), Input("text", "string")]),
            ("rest", []),
        ):
            name = f"early-{function}"
            sdk.create_pipeline(
                name,
                "main.py",
                function,
                container_config={"local_folder": str(folder)},
                inputs=inputs,
                outputs=[Output("size", "number")],
            )
            made = sdk.create_deployment(name, name, "endpoint")
            found[f"/endpoints/{name}"] = f"EndpointToken {made['endpoint_token']}"
    token = httpx.post(f"{server.url}/api/v1/auth/refresh", json={"refresh_token": server.token})
    bearer = f"Bearer {token.json()['access_token']}"
    for name in ("early-weigh", "early-rest", "early-nobody"):
        found[f"/api/v1/pipelines/{name}/run"] = bearer
        found[f"/api/v1/deployments/{name}/executions"] = bearer
    found["/api/v1/pipelines"] = bearer
    found["/api/v1/data-store/download"] = bearer
    yield found
    with HeadraceSdk(sdk_token=server.token, environment_url=server.url) as sdk:
        for name in ("early-weigh", "early-rest"):
            sdk.delete_pipeline(name, force_deployments_deletion=True)


@contextmanager
def half_sent(
    server: RunningServer, path: str, credentials: str, head: str, body: bytes
) -> Iterator[socket.socket]:
    """Send a head and the beginning of a body, and nothing more."""
    where = urlsplit(server.url)
    with socket.create_connection((where.hostname or "", where.port or 0), timeout=30) as line:
        request = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {credentials}\r\n{head}\r\n"
        line.sendall(request.encode() + body)
        yield line


def answer_of(line: socket.socket) -> tuple[int, dict[str, object]]:
    """The answer, which must come although the body has not."""
    response = b""
    while b"\r\n\r\n" not in response or not response.endswith(b"}"):
        more = line.recv(65536)
        assert more, response
        response += more
    head, _, body = response.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)


FORM = "Content-Type: multipart/form-data; boundary=B\r\nTransfer-Encoding: chunked\r\n"
TEXT = "Content-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n"
HUGE = "Content-Type: multipart/form-data; boundary=B\r\nContent-Length: 99999999999999\r\n"
VAST = "Content-Type: application/json\r\nContent-Length: 99999999999999\r\n"
WEIGH, REST = "/endpoints/early-weigh", "/endpoints/early-rest"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def part(name: str, filename: str | None = None, data: bytes = b"x" * 2000) -> bytes:
    where = "" if filename is None else f'; filename="{filename}"'
    head = f'--B\r\nContent-Disposition: form-data; name="{name}"{where}\r\n\r\n'
    return head.encode() + data


REFUSED: dict[str, tuple[str, str, bytes, int, str]] = {
    "no such file": (WEIGH, FORM, chunk(part("other", "a")), 400, "no input 'other'"),
    "no such field": (WEIGH, FORM, chunk(part("other")), 400, "no input 'other'"),
    "file for a text": (WEIGH, FORM, chunk(part("text", "a")), 400, "but a file was sent"),
    "file for nothing": (REST, FORM, chunk(part("document", "a")), 400, "no input 'document'"),
    "text without end": (
        WEIGH,
        FORM,
        chunk(part("text", None, b"x" * 1_100_000)),
        413,
        "1,000,000",
    ),
    "form without end": (WEIGH, TEXT, chunk(b"text=" + b"x" * 1_100_000), 413, "1,000,000"),
    "too long for all": (WEIGH, HUGE, b"", 413, "larger than"),
    "too long for JSON": (WEIGH, VAST, b"", 413, "larger than"),
    "second file": (
        WEIGH,
        FORM,
        chunk(part("document", "a") + b"\r\n" + part("document", "b")),
        400,
        "twice",
    ),
    "deployment: file": (
        "/api/v1/deployments/early-rest/executions",
        FORM,
        chunk(part("a", "a")),
        400,
        "no input 'a'",
    ),
    "run: file": ("/api/v1/pipelines/early-rest/run", FORM, chunk(part("a", "a")), 400, "'a'"),
    "run: field": ("/api/v1/pipelines/early-weigh/run", FORM, chunk(part("a")), 400, "'a'"),
    "run: nobody": ("/api/v1/pipelines/early-nobody/run", FORM, b"", 404, "early-nobody"),
    "deployment: nobody": (
        "/api/v1/deployments/early-nobody/executions",
        FORM,
        b"",
        404,
        "early-nobody",
    ),
    "creation: file": ("/api/v1/pipelines", FORM, chunk(part("other", "a")), 400, "'other'"),
    "data store: file": (
        "/api/v1/data-store/download",
        FORM,
        chunk(part("path_to_object", "a")),
        400,
        "it takes none",
    ),
}


def kept(server: RunningServer) -> list[Path]:
    return files_below(server.data_dir / "run" / "uploads")


@pytest.mark.parametrize("kind", REFUSED)
def test_the_answer_comes_before_the_body(
    server: RunningServer, access: dict[str, str], kind: str
) -> None:
    path, head, body, status, said = REFUSED[kind]
    with half_sent(server, path, access[path], head, body) as line:
        found, error = answer_of(line)
    assert found == status, error
    assert said in str(error["message"])
    wait_until(lambda: not kept(server), what="nothing is left of the request")


@pytest.mark.parametrize(
    "path", [WEIGH, "/api/v1/pipelines/early-weigh/run", "/api/v1/pipelines", "/endpoints/v1/x"]
)
def test_credentials_are_looked_at_before_the_body(server: RunningServer, path: str) -> None:
    with half_sent(server, path, "Bearer wrong", FORM, b"") as line:
        found, error = answer_of(line)
    assert found in {401, 404}, error


def test_a_caller_who_hangs_up_leaves_no_file(
    server: RunningServer, access: dict[str, str]
) -> None:
    body = chunk(part("document", "a", b"x" * 3_000_000))
    with half_sent(server, WEIGH, access[WEIGH], FORM, body):
        wait_until(lambda: any(path.is_file() for path in kept(server)), what="a file is kept")
    wait_until(lambda: not kept(server), what="the file is removed")


def test_many_fields_take_no_more_memory_than_the_limit(
    server: RunningServer, access: dict[str, str]
) -> None:
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status")

    def memory() -> int:
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) * 1024

    field = part("text", None, b"x" * 100_000) + b"\r\n"
    before = memory()
    with half_sent(server, REST, access[REST], FORM, b"") as line:
        for _ in range(11):
            line.sendall(chunk(field))
        found, error = answer_of(line)
        # What comes after the answer is thrown away, or the connection closed.
        with contextlib.suppress(OSError):
            for _ in range(300):
                line.sendall(chunk(field))
    assert found == 413, error
    assert memory() - before < 20_000_000
