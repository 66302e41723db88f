"""A real server among hostile connections: callers are served, and it can be stopped."""

from __future__ import annotations

import json
import random
import resource
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from tests.conftest import HEADRACE, RunningServer, wait_until

from headrace import HeadraceSdk, Input, Output

pytestmark = pytest.mark.system

DESCRIPTORS = 300
FUZZ_SEED = 20260
FUZZ_S = 12


@dataclass
class Attacked:
    """A server with few descriptors, and an endpoint on it that a pod answers."""

    server: RunningServer
    url: str
    token: str

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return str(parts.hostname), int(parts.port or 0)

    def call(self, number: int = 1) -> httpx.Response:
        return httpx.post(
            self.url,
            headers={"Authorization": f"EndpointToken {self.token}"},
            json={"number": number},
            timeout=25,
        )

    def is_served(self) -> bool:
        with suppress(httpx.HTTPError):
            answer = self.call(3)
            return answer.status_code == 200 and answer.json()["outputs"] == {"twice": 6}
        return False

    def health(self) -> httpx.Response:
        return httpx.get(f"{self.server.url}/api/v1/health", timeout=10)

    @property
    def process(self) -> psutil.Process:
        assert self.server.process is not None
        return psutil.Process(self.server.process.pid)


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    folder = tmp_path_factory.mktemp("attacked")
    server = RunningServer(
        folder / "data",
        {
            "HEADRACE_REQUEST_TIMEOUT_S": "2",
            "HEADRACE_IDLE_TIMEOUT_S": "3",
            "HEADRACE_MAX_CONNECTIONS": str(DESCRIPTORS),
            "HEADRACE_MAX_CONNECTIONS_PER_ADDRESS": str(DESCRIPTORS),
            "HEADRACE_STOP_GRACE_S": "2",
        },
    )
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    start_with_few_descriptors(server)
    (folder / "code").mkdir()
    (folder / "code/main.py").write_text("def twice(number):\n    return {'twice': 2 * number}\n")
    with HeadraceSdk(sdk_token=server.token, environment_url=server.url) as sdk:
        sdk.create_pipeline(
            "twice",
            "main.py",
            "twice",
            container_config={"local_folder": str(folder / "code")},
            inputs=[Input("number", "number", is_required=True)],
            outputs=[Output("twice", "number")],
        )
        made = sdk.create_deployment("twice", "twice", "endpoint", mode="low_latency")
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before
    found = Attacked(server, f"{server.url}/endpoints/twice", made["endpoint_token"])
    wait_until(found.is_served, what="the pod answers")
    yield found
    begin = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - begin < 30


def start_with_few_descriptors(server: RunningServer) -> None:
    """Start a server whose soft and hard limit of descriptors is small, as ``ulimit -n`` does."""
    limited = [sys.executable, "-c", LIMITED, str(DESCRIPTORS), str(HEADRACE)]
    server.start(limited)


LIMITED = """
import os, resource, sys
count = int(sys.argv[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))
os.execv(sys.argv[2], sys.argv[2:])
"""


def connections(address: tuple[str, int], count: int, sent: bytes = b"") -> ExitStack:
    """Open so many connections and send something on each; the stack closes them."""
    with ExitStack() as stack:
        for _ in range(count):
            made = stack.enter_context(socket.create_connection(address, timeout=10))
            with suppress(OSError):
                made.sendall(sent)
        return stack.pop_all()


HALVES = {
    "nothing": b"",
    "a line": b"POST /endpoints/twice HT",
    "headers": b"POST /endpoints/twice HTTP/1.1\r\nHost: h\r\n",
    "a body": b"POST /endpoints/twice HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\n{",
    "an answered request": b"GET /api/v1/environment-info HTTP/1.1\r\nHost: h\r\n\r\n",
}


@pytest.mark.parametrize("kind", HALVES)
def test_connections_beyond_the_descriptors_keep_no_caller_out(
    attacked: Attacked, kind: str
) -> None:
    with connections(attacked.address, DESCRIPTORS + 100, HALVES[kind]):
        wait_until(attacked.is_served, what=f"a call among connections with {kind}")
        wait_until(lambda: attacked.health().status_code == 200, what="health")
    wait_until(attacked.is_served, what="a call after them")
    assert attacked.process.num_fds() < DESCRIPTORS


def test_the_log_says_once_that_connections_were_refused_or_closed(attacked: Attacked) -> None:
    with connections(attacked.address, DESCRIPTORS + 50, HALVES["headers"]):
        wait_until(lambda: "connections: " in attacked.server.log.read_text(), what="the log")


def test_idle_and_half_connections_end(attacked: Attacked) -> None:
    with ExitStack() as stack:
        opened = []
        for sent in HALVES.values():
            made = stack.enter_context(socket.create_connection(attacked.address, timeout=30))
            made.sendall(sent)
            opened.append(made)
        for made in opened:
            while made.recv(65536):
                pass


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"GET /", b"a"),
        (b"GET / HTTP/1.1\r\nX: ", b"a"),
        (b"GET / HTTP/1.1\r\n", b"X: 1\r\n"),
        (b"POST /endpoints/twice HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X: 1\r\n"),
        (b"POST /endpoints/twice HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"a"),
    ],
    ids=["target", "header", "headers", "trailers", "extension"],
)
def test_what_has_no_end_takes_no_memory(attacked: Attacked, begin: bytes, more: bytes) -> None:
    before = attacked.process.memory_info().rss
    piece = more * (200_000 // len(more))
    with ExitStack() as stack:
        for _ in range(20):
            made = stack.enter_context(socket.create_connection(attacked.address, timeout=30))
            with suppress(OSError):
                made.sendall(begin)
                for _ in range(100):
                    made.sendall(piece)
        assert attacked.is_served()
        assert attacked.process.memory_info().rss - before < 60_000_000


def test_heads_at_random_make_no_error_of_the_server(attacked: Attacked) -> None:
    """Requests that were changed at random, in segments at random: answers, or an end."""
    choose = random.Random(FUZZ_SEED)
    before = attacked.process.memory_info().rss
    begin, count = time.monotonic(), 0
    while time.monotonic() - begin < FUZZ_S and count < 3000:
        data = changed(choose, request_of(choose, attacked))
        statuses = said(attacked.address, choose, data)
        assert not {status for status in statuses if status >= 500 and status != 503}, (
            count,
            data,
            statuses,
        )
        count += 1
    print(f"{count} requests at random")  # noqa: T201
    assert attacked.is_served()
    assert attacked.process.memory_info().rss - before < 60_000_000
    log = attacked.server.log.read_text()
    assert "Traceback" not in log, log[log.index("Traceback") - 300 :][:4000]


def request_of(choose: random.Random, attacked: Attacked) -> bytes:
    """Return one or more requests that are right."""
    requests = []
    for _ in range(choose.choice([1, 1, 1, 2, 5])):
        body = json.dumps({"number": choose.randrange(10)}).encode()
        lines = [
            b"%b %b HTTP/1.%d"
            % (
                choose.choice([b"POST", b"POST", b"GET", b"PUT", b"OPTIONS", b"HEAD", b"CONNECT"]),
                choose.choice(
                    [b"/endpoints/twice", b"/endpoints/v1/twice", b"/api/v1/health", b"*", b"/%zz"]
                ),
                choose.choice([1, 1, 1, 0]),
            ),
            b"Host: here",
            f"Authorization: EndpointToken {attacked.token}".encode(),
            b"Content-Type: application/json",
        ]
        more = [
            b"Connection: Upgrade",
            b"Upgrade: h2c",
            b"Expect: 100-continue",
            b"Connection: close",
        ]
        lines += choose.sample(more, choose.randrange(3))
        if choose.random() < 0.3:
            lines.append(b"Transfer-Encoding: chunked")
            body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
        else:
            lines.append(b"Content-Length: %d" % len(body))
        requests.append(b"\r\n".join(lines) + b"\r\n\r\n" + body)
    return b"".join(requests)


def changed(choose: random.Random, data: bytes) -> bytes:
    """Return bytes with some of them changed, left out, doubled or moved."""
    found = bytearray(data)
    for _ in range(choose.choice([0, 1, 1, 2, 8])):
        at = choose.randrange(len(found))
        match choose.randrange(5):
            case 0:
                found[at] = choose.randrange(256)
            case 1:
                del found[at : at + choose.randrange(1, 20)]
            case 2:
                found[at:at] = choose.randbytes(choose.randrange(1, 10))
            case 3:
                found[at:at] = choose.choice([b"\r\n", b"\n", b":", b" ", b"\r\n\r\n", b"\0"])
            case _:
                found[at:at] = found[: choose.randrange(len(found))]
    return bytes(found) or b"\n"


def said(address: tuple[str, int], choose: random.Random, data: bytes) -> list[int]:
    """Send bytes in segments, leave no more to be sent, and return the statuses of the answers."""
    size = choose.choice([len(data), len(data), 100, 17, 1])
    answers = b""
    with socket.create_connection(address, timeout=40) as made, suppress(ConnectionError):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(data), size):
            made.sendall(data[start : start + size])
        # Most wait for a part that does not come, and all for their next request.
        made.settimeout(0.05)
        with suppress(TimeoutError):
            while part := made.recv(65536):
                answers += part
    return [int(line[9:12]) for line in answers.split(b"\r\n") if line.startswith(b"HTTP/1.1 ")]


@pytest.mark.parametrize("kind", ["nothing", "a body", "who reads nothing"])
def test_a_server_can_be_stopped_whatever_is_connected(
    own_server: Callable[..., RunningServer], kind: str
) -> None:
    server = own_server(HEADRACE_STOP_GRACE_S="1")
    parts = urlsplit(server.url)
    address = (str(parts.hostname), int(parts.port or 0))
    page = b"GET /endpoints/x/docs HTTP/1.1\r\nHost: h\r\n\r\n"
    with connections(address, 200, page * 90 if kind == "who reads nothing" else HALVES[kind]):
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        try:
            assert server.process.wait(30) == 0
        except subprocess.TimeoutExpired:
            pytest.fail(server.log.read_text()[-3000:])
