"""The short way of plain calls, byte by byte: how requests and answers share a connection."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import parse_headers
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.conftest import RunningServer, wait_until
from tests.warm import Endpoint, Holds, Maker, holds_in, maker

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def make(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Maker]:
    with maker(server, tmp_path_factory.mktemp("plain")) as made:
        yield made


@pytest.fixture(scope="module")
def add(make: Maker) -> Endpoint:
    endpoint = make.endpoint("add")
    # The first call makes the server know the endpoint.
    assert endpoint.post({"number1": 1, "number2": 1}).status_code == 200
    return endpoint


@pytest.fixture
def holds(tmp_path: Path) -> Iterator[Holds]:
    with holds_in(tmp_path) as made:
        yield made


class Line:
    """A connection to an endpoint's server, on which bytes are sent as a test says."""

    def __init__(self, endpoint: Endpoint) -> None:
        url = urlsplit(endpoint.url)
        self._endpoint = endpoint
        self._path = url.path
        self.socket = socket.create_connection((url.hostname, url.port), timeout=30)
        # One reader for all answers: it may have taken more than the one that it was asked for.
        self._file = self.socket.makefile("rb")

    def request(self, body: bytes, *more: str, version: str = "1.1", token: str = "") -> bytes:
        """Return a request as bytes; ``more`` are further header lines."""
        lines = [
            f"POST {self._path} HTTP/{version}",
            "Host: here",
            f"Authorization: EndpointToken {token or self._endpoint.token}",
            "Content-Type: application/json",
            *more,
        ]
        if not any(line.lower().startswith("transfer-encoding") for line in more):
            lines.append(f"Content-Length: {len(body)}")
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> tuple[int, Any]:
        """Read one answer; return its status and its body."""
        status = int(self._file.readline().split()[1])
        headers = parse_headers(self._file)
        return status, json.loads(self._file.read(int(headers["content-length"])))

    def total(self) -> float:
        status, body = self.answer()
        assert status == 200, body
        return float(body["outputs"]["number3"])

    @property
    def is_closed(self) -> bool:
        return self._file.read(1) == b""


@pytest.fixture
def line(add: Endpoint) -> Iterator[Line]:
    made = Line(add)
    with closing(made.socket):
        yield made


def numbers(first: float, second: float) -> bytes:
    return json.dumps({"number1": first, "number2": second}).encode()


def test_a_connection_takes_one_call_after_the_other(line: Line) -> None:
    for number in range(20):
        line.send(line.request(numbers(number, 1)))
        assert line.total() == number + 1


@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_request_may_come_in_pieces(line: Line, size: int) -> None:
    data = line.request(numbers(2, 3))
    for start in range(0, len(data), size):
        line.send(data[start : start + size])
        time.sleep(0.0005)
    assert line.total() == 5


def test_answers_come_in_the_order_of_requests_that_do_not_wait(line: Line) -> None:
    """Plain ones, ones that go the long way, and ones that are wrong, all at once."""
    line.send(
        line.request(numbers(1, 1))
        + line.request(numbers(2, 1))
        + line.request(b'{"number1": 3}')
        + line.request(b'{"number1": "x"}')
        + line.request(numbers(5, 1), "X-Other: 1")
        + line.request(numbers(6, 1))
    )
    assert [line.total(), line.total(), line.total()] == [2, 3, 4]
    status, body = line.answer()
    assert (status, body["name"]) == (400, "InvalidValue")
    assert [line.total(), line.total()] == [6, 7]


def test_a_chunked_body_is_as_good(line: Line) -> None:
    body = numbers(4, 5)
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    line.send(line.request(b"", "Transfer-Encoding: chunked") + chunks)
    assert line.total() == 9
    line.send(line.request(numbers(1, 2)))
    assert line.total() == 3


@pytest.mark.parametrize(
    ("version", "more"),
    [("1.1", ["Connection: close"]), ("1.0", []), ("1.0", ["Connection: close"])],
)
def test_a_connection_is_closed_if_that_was_asked(
    line: Line, version: str, more: list[str]
) -> None:
    line.send(line.request(numbers(1, 1), *more, version=version))
    assert line.total() == 2
    assert line.is_closed


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "number1"),
        (b"{", 400, "JSON"),
        (b"[1]", 400, "object"),
        (b'{"number1": null}', 400, "number1"),
        (b'{"number1": 1, "number4": 1}', 400, "number4"),
        (b'{"number1": 1e999}', 400, ""),
        (b'{"number1": "' + b"9" * 70_000 + b'"}', 413, "bytes"),
        (b'{"number1": ' + b"[" * 2000 + b"]" * 2000 + b"}", 400, ""),
    ],
)
def test_what_is_wrong_is_said_and_the_connection_goes_on(
    line: Line, body: bytes, status: int, words: str
) -> None:
    line.send(line.request(body))
    said, answer = line.answer()
    assert said == status, answer
    assert words in answer["message"]
    line.send(line.request(numbers(1, 1)))
    assert line.total() == 2


def test_a_wrong_token_is_refused(line: Line) -> None:
    line.send(line.request(numbers(1, 1), token="wrong"))
    status, body = line.answer()
    assert (status, body["name"]) == (401, "Unauthenticated")
    line.send(line.request(numbers(1, 1)))
    assert line.total() == 2


def test_a_caller_who_waits_to_be_told_to_go_on_is_told(line: Line) -> None:
    body = numbers(1, 4)
    head = line.request(body, "Expect: 100-continue").removesuffix(body)
    line.send(head)
    assert line._file.readline().startswith(b"HTTP/1.1 100 ")
    assert line._file.readline() == b"\r\n"
    line.send(body)
    assert line.total() == 5


def test_a_call_goes_on_when_its_caller_has_gone(make: Maker, holds: Holds) -> None:
    endpoint = make.endpoint("do")
    endpoint.do("count")
    path = holds._folder / "left"
    line = Line(endpoint)
    line.send(line.request(json.dumps({"what": "hold", "argument": str(path)}).encode()))
    wait_until(path.with_name("left.began").exists, what="the call begins")
    line.socket.close()
    path.touch()
    wait_until(
        lambda: [item["status"] for item in make.executions(endpoint.name)] == ["Succeeded"] * 2,
        what="it is recorded",
    )
    assert endpoint.do("count")["calls"] >= 2


def known(line: Line) -> bytes:
    """Make a call, and return the request whose head the connection knows from now on."""
    data = line.request(numbers(1, 1))
    for _ in range(2):
        line.send(data)
        assert line.total() == 2
    return data


def test_a_head_that_is_known_says_nothing_of_the_body(line: Line) -> None:
    data, body = known(line), numbers(1, 1)
    for number in range(2, 9):
        line.send(data.replace(body, numbers(1, number)))
        assert line.total() == 1 + number
    line.send(data.replace(body, body.replace(b"1}", b"1,")))
    status, answer = line.answer()
    assert (status, answer["name"]) == (400, "InvalidRequest")
    line.send(data)
    assert line.total() == 2


@pytest.mark.parametrize(
    ("part", "other", "status"),
    [(b"POST", b"QOST", 400), (b"endpoints/", b"endpoint5/", 404), (b"Token ", b"Tokeno", 401)],
)
def test_a_head_as_long_as_the_known_one_is_another(
    line: Line, part: bytes, other: bytes, status: int
) -> None:
    data = known(line)
    end = data.index(part) + len(other)
    line.send(data[: end - len(other)] + other + data[end:])
    assert line.answer()[0] == status


@pytest.mark.parametrize("size", [1, 40, 100_000])
def test_requests_with_a_known_head_may_come_in_any_pieces(line: Line, size: int) -> None:
    data = known(line)
    whole = 3 * data
    for start in range(0, len(whole), size):
        line.send(whole[start : start + size])
    assert [line.total() for _ in range(3)] == [2, 2, 2]
    # As long as the known one, and it begins in the middle of another.
    line.send(data + data[:-5])
    line.send(data[-5:] + data[: len(data) - 5])
    line.send(data[-5:])
    assert [line.total() for _ in range(3)] == [2, 2, 2]


def test_a_known_head_opens_nothing_that_was_closed(make: Maker) -> None:
    endpoint = make.endpoint("add")
    assert endpoint.post({"number1": 1, "number2": 1}).status_code == 200
    line = Line(endpoint)
    with closing(line.socket):
        data = known(line)
        make.sdk.update_deployment(endpoint.name, is_enabled=False)
        line.send(data)
        assert line.answer()[0] == 409
        make.sdk.update_deployment(endpoint.name, is_enabled=True)
        known(line)
        make.forget(endpoint.name)
        line.send(data)
        assert line.answer()[0] in {401, 404}


# What the clients of the JDK and of curl send when they may choose: an offer of HTTP/2.
OFFERS = {
    "java": [
        "Connection: Upgrade, HTTP2-Settings",
        "HTTP2-Settings: AAEAAEAAAAIAAAAAAAMAAAAAAAQBAAAAAAUAAEAAAAYABgAA",
        "Upgrade: h2c",
        "User-Agent: Java-http-client/17.0.9",
    ],
    "curl": [
        "Accept: */*",
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
    ],
    "browser": ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"],
}


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("size", [1, 50, 100_000])
def test_the_offer_of_another_protocol_changes_nothing(line: Line, offer: str, size: int) -> None:
    for number in range(2):
        data = line.request(numbers(number, 3), *OFFERS[offer])
        for start in range(0, len(data), size):
            line.send(data[start : start + size])
        assert line.total() == number + 3


def test_an_offer_is_ignored_between_calls_that_do_not_wait(line: Line) -> None:
    line.send(
        line.request(numbers(1, 1))
        + line.request(numbers(2, 1), *OFFERS["java"])
        + line.request(numbers(3, 1), *OFFERS["curl"])
        + line.request(numbers(4, 1))
    )
    assert [line.total() for _ in range(4)] == [2, 3, 4, 5]


def test_an_offer_and_its_body_may_come_apart(line: Line) -> None:
    """As the JDK sends them: the head in one segment, the body in another."""
    body = numbers(5, 6)
    line.send(line.request(body, *OFFERS["java"]).removesuffix(body))
    time.sleep(0.05)
    line.send(body)
    assert line.total() == 11


JAVA = """
import java.net.URI;
import java.net.http.*;

public class Call {
    public static void main(String[] given) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        for (int number = 0; number < 3; number++) {
            HttpRequest request = HttpRequest.newBuilder(URI.create(given[0]))
                .header("Authorization", "EndpointToken " + given[1])
                .header("Content-Type", "application/json")
                .POST(HttpRequest.BodyPublishers.ofString("{\\"number1\\": " + number + "}"))
                .build();
            HttpResponse<String> answer =
                client.send(request, HttpResponse.BodyHandlers.ofString());
            System.out.println(answer.statusCode() + " " + answer.body());
        }
    }
}
"""


@pytest.mark.skipif(shutil.which("java") is None, reason="what it sends is replayed above")
def test_the_client_of_the_jdk_works(add: Endpoint, tmp_path: Path) -> None:
    (tmp_path / "Call.java").write_text(JAVA)
    called = subprocess.run(
        ["java", str(tmp_path / "Call.java"), add.url, add.token],
        capture_output=True,
        text=True,
        timeout=100,
        check=True,
    )
    lines = called.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["200"] * 3, called.stdout
    totals = [json.loads(line.partition(" ")[2])["outputs"]["number3"] for line in lines]
    assert [total - totals[0] for total in totals] == [0, 1, 2]


def test_curl_that_offers_http_2_works(add: Endpoint) -> None:
    headers = {"Authorization": f"EndpointToken {add.token}", "Content-Type": "application/json"}
    lines = [part for item in headers.items() for part in ("--header", ": ".join(item))]
    body = ["--data", '{"number1": 1, "number2": 2}', "--max-time", "60"]
    called = subprocess.run(
        ["curl", "--silent", "--show-error", "--http2", *lines, *body, add.url],
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(called.stdout)["outputs"]["number3"] == 3
