"""Servers with several processes: what holds for one holds for all, whichever of them is killed."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest
from tests.conftest import HEADRACE, RunningServer, clean_environ, wait_until
from tests.records import ON_POSTGRES
from tests.warm import Endpoint, Maker, holds_in, maker

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(ON_POSTGRES, reason="several processes need the records in a file"),
]

PATIENCE_S = 40.0
OPEN: list[Caller] = []
"""The connections of the test that runs; all are closed at its end."""


class Caller:
    """One connection that is kept, with plain calls."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        parts = urlsplit(endpoint.url)
        self.path = parts.path
        self.http = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE_S)
        OPEN.append(self)

    def call(self, body: Any, token: str | None = None, **headers: str) -> tuple[int, Any]:
        sent = {
            "Content-Type": "application/json",
            "Authorization": f"EndpointToken {token or self.endpoint.token}",
            **headers,
        }
        self.http.request("POST", self.path, json.dumps(body), sent)
        answer = self.http.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None

    def do(self, what: str, argument: Any = None) -> Any:
        status, body = self.call({"what": what, "argument": argument})
        assert status == 200, body
        return body["outputs"]["value"]

    def close(self) -> None:
        self.http.close()


def fronts_of(server: RunningServer) -> list[psutil.Process]:
    """Return the processes of a server that only take connections."""
    assert server.process is not None
    children = psutil.Process(server.process.pid).children()
    found = []
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            if "headrace.server.fronts.process" in child.cmdline():
                found.append(child)
    return found


def await_others(server: RunningServer, before: list[psutil.Process]) -> None:
    wait_until(
        lambda: bool(set(fronts_of(server)) - set(before)),
        timeout_s=PATIENCE_S,
        what="another front starts",
    )


def is_below(pid: int, process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return any(child.pid == pid for child in process.children(recursive=True))
    return False


def callers(server: RunningServer, endpoint: Endpoint) -> tuple[Caller, Caller]:
    """Return a connection to the main process and one to the front, both of which answer calls."""
    found: dict[bool, Caller] = {}
    spare: list[Caller] = []

    def have_both() -> bool:
        caller = Caller(endpoint)
        pid = caller.do("count")["pid"]
        is_front = any(is_below(pid, front) for front in fronts_of(server))
        if is_front in found:
            spare.append(caller)
        else:
            found[is_front] = caller
        return len(found) == 2

    wait_until(have_both, timeout_s=PATIENCE_S, what="both processes answer")
    for caller in spare:
        caller.close()
    return found[False], found[True]


class Load:
    """Callers with plain calls that go on, by another connection if theirs is broken."""

    def __init__(self, endpoint: Endpoint, count: int = 6) -> None:
        self.answered: dict[str, int] = {}
        self.wrong: list[Any] = []
        self._endpoint = endpoint
        self._is_over = False
        self._number = 0
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(count)
        self._work = [self._threads.submit(self._go_on) for _ in range(count)]

    def until(self, count: int) -> None:
        wait_until(
            lambda: len(self.answered) >= count, timeout_s=PATIENCE_S, what="calls are answered"
        )

    def end(self) -> None:
        self._is_over = True
        self._threads.shutdown()
        for work in self._work:
            work.result()

    def _go_on(self) -> None:
        while not self._is_over:
            caller = Caller(self._endpoint)
            with contextlib.suppress(OSError, http.client.HTTPException):
                while not self._is_over:
                    self._call(caller)
            caller.close()

    def _call(self, caller: Caller) -> None:
        with self._lock:
            self._number += 1
            number = self._number
        status, body = caller.call({"number1": number, "number2": 0})
        if status == 200 and body["outputs"] == {"number3": number}:
            self.answered[body["execution_id"]] = number
        elif status not in {429, 503}:
            self.wrong.append((status, body))


def recorded(server: RunningServer) -> dict[str, str]:
    """Return the outputs of all executions that succeeded, past the server."""
    with contextlib.closing(sqlite3.connect(server.data_dir / "headrace.db")) as database:
        found = "SELECT id, outputs FROM executions WHERE status = 'Succeeded'"
        return dict(database.execute(found).fetchall())


def check_kept(load: Load, found: dict[str, str]) -> None:
    assert load.answered
    assert not load.wrong
    assert not [each for each in load.answered if each not in found]
    assert all(str(number) in found[each] for each, number in load.answered.items())


@pytest.fixture(autouse=True)
def no_connections_left() -> Iterator[None]:
    yield
    for caller in OPEN:
        caller.close()
    OPEN.clear()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("processes")
    running = RunningServer(folder / "data", {"HEADRACE_PROCESSES": "2"}).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def make(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Maker]:
    with maker(server, tmp_path_factory.mktemp("pipelines")) as made:
        yield made


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Callable[..., tuple[RunningServer, Maker]]]:
    """Start servers of the test's own."""
    with contextlib.ExitStack() as stack:

        def start(**environ: str) -> tuple[RunningServer, Maker]:
            settings = {"HEADRACE_PROCESSES": "2", **environ}
            running = RunningServer(tmp_path / "data", settings).start()
            stack.callback(running.stop)
            return running, stack.enter_context(maker(running, tmp_path))

        yield start


def test_both_processes_answer_and_both_are_on_record_at_once(
    server: RunningServer, make: Maker
) -> None:
    endpoint = make.endpoint(pods=2)
    main, front = callers(server, endpoint)
    assert main.do("count")["pid"] != front.do("count")["pid"]
    for caller in (front, main, front):
        status, body = caller.call({"what": "give", "argument": "seen"})
        assert status == 200
        told = make.execution(body["execution_id"])
        assert told["status"] == "Succeeded"
        assert told["deployment_name"] == endpoint.name
    shown = make.sdk.get_deployment(endpoint.name)
    wait_until(
        lambda: len(make.sdk.get_deployment(endpoint.name)["pods"]) == 2,
        timeout_s=PATIENCE_S,
        what="pods of all processes are shown",
    )
    assert shown["status"] == "up"
    assert "2 of 2 processes" in make.http.get(f"{server.url}/api/v1/health").text


def test_one_pod_answers_all_connections(make: Maker) -> None:
    endpoint = make.endpoint(pods=1)
    connections = [Caller(endpoint) for _ in range(8)]
    assert len({caller.do("count")["pid"] for caller in connections}) == 1


def test_an_old_token_is_refused_by_all_once_it_was_renewed(
    server: RunningServer, make: Maker
) -> None:
    endpoint = make.endpoint(pods=2)
    both = callers(server, endpoint)
    token = make.sdk.generate_new_endpoint_token(endpoint.name)["endpoint_token"]
    body = {"what": "give", "argument": 1}
    # The first of them are those that know the old one.
    assert [caller.call(body)[0] for caller in both] == [401, 401]
    assert [caller.call(body, token)[0] for caller in both] == [200, 200]
    assert Caller(endpoint).call(body)[0] == 401


def test_a_disabled_deployment_answers_nowhere(server: RunningServer, make: Maker) -> None:
    endpoint = make.endpoint(pods=2)
    both = callers(server, endpoint)
    make.sdk.update_deployment(endpoint.name, is_enabled=False)
    body = {"what": "give", "argument": 1}
    assert not [caller.call(body)[0] for caller in both if caller.call(body)[0] == 200]


def test_what_is_no_plain_call_is_answered_on_the_same_connection(
    server: RunningServer, make: Maker
) -> None:
    endpoint = make.endpoint(pods=2)
    for caller in callers(server, endpoint):
        caller.http.request("GET", "/api/v1/health")
        answer = caller.http.getresponse()
        assert (answer.status, bool(answer.read())) == (200, True)
        assert caller.do("give", "again") == "again"
    _, front = callers(server, endpoint)
    assert len(front.do("give", "x" * 50_000)) == 50_000
    _, front = callers(server, endpoint)
    status, body = front.call({"what": "give", "argument": 7}, **{"Idempotency-Key": "same"})
    again = front.call({"what": "give", "argument": 7}, **{"Idempotency-Key": "same"})
    assert (status, again[1]["execution_id"]) == (200, body["execution_id"])


def test_requests_in_pieces_and_in_one_piece_are_answered_in_order(
    server: RunningServer, make: Maker
) -> None:
    endpoint = make.endpoint(pods=2)
    parts = urlsplit(endpoint.url)
    for _ in range(6):
        body = b'{"what": "give", "argument": %d}'
        size = len(body % 1)
        head = (
            f"POST {parts.path} HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n"
            f"authorization: EndpointToken {endpoint.token}\r\ncontent-length: {size}\r\n\r\n"
        ).encode()
        with socket.create_connection((parts.hostname, parts.port), PATIENCE_S) as client:
            for at in range(0, len(head), 40):
                client.sendall(head[at : at + 40])
            client.sendall(
                body % 1 + head + body % 2 + b"GET /api/v1/health HTTP/1.1\r\nhost: h\r\n\r\n"
            )
            seen = b""
            while b'"status"' not in seen.rpartition(b"HTTP/1.1 ")[2]:
                got = client.recv(65536)
                assert got, seen
                seen += got
        assert seen.count(b"HTTP/1.1 200") == 3
        assert seen.index(b'{"value":1}') < seen.index(b'{"value":2}')


def test_whoever_does_not_read_is_closed_in_each_process(
    own: Callable[..., tuple[RunningServer, Maker]],
) -> None:
    server, make = own(HEADRACE_REQUEST_TIMEOUT_S="1")
    endpoint = make.endpoint(pods=2)
    callers(server, endpoint)
    parts = urlsplit(endpoint.url)
    body = json.dumps({"what": "give", "argument": "x" * 50_000}).encode()
    head = (
        f"POST {parts.path} HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n"
        f"authorization: EndpointToken {endpoint.token}\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode()
    with contextlib.ExitStack() as stack:
        ports = set()
        for _ in range(6):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect((parts.hostname, parts.port))
            client.settimeout(0.5)
            # Until nothing more is taken, because answers are in the way, or it was closed.
            with contextlib.suppress(OSError):
                for _ in range(1000):
                    client.sendall(head + body)
            ports.add(client.getsockname()[1])

        def are_closed() -> bool:
            assert server.process is not None
            serving = [psutil.Process(server.process.pid), *fronts_of(server)]
            there = [one for each in serving for one in each.net_connections("tcp")]
            return not ports & {one.raddr.port for one in there if one.raddr}

        wait_until(are_closed, timeout_s=PATIENCE_S, what="all of them are closed")


def test_a_variable_that_was_changed_is_seen_by_the_next_call(
    server: RunningServer, make: Maker
) -> None:
    endpoint = make.endpoint(pods=2)
    both = callers(server, endpoint)
    for value in ("one", "two"):
        make.sdk.create_or_update_environment_variable("PROCESSES_WORD", value)
        seen = [caller.do("environ", ["PROCESSES_WORD"])["PROCESSES_WORD"] for caller in both]
        assert seen == [value, value]
    make.sdk.delete_environment_variable("PROCESSES_WORD")


def test_code_in_all_pods_has_a_token_that_is_known(server: RunningServer, make: Maker) -> None:
    endpoint = make.endpoint(pods=2)
    for caller in callers(server, endpoint):
        assert caller.do("ask", ["GET", "/executions/SELF"])["status"] == "Running"


def test_a_long_call_of_a_front_is_seen_and_cancelled(
    server: RunningServer, make: Maker, tmp_path: Path
) -> None:
    endpoint = make.endpoint(pods=2, timeout_s=60)
    both = callers(server, endpoint)
    paths = [tmp_path / f"hold-{number}" for number in range(2)]
    with ThreadPoolExecutor(2) as threads:
        work = [
            threads.submit(caller.call, {"what": "hold", "argument": str(path)})
            for caller, path in zip(both, paths, strict=True)
        ]
        running: list[Any] = []

        def both_run() -> bool:
            running[:] = [
                each for each in make.executions(endpoint.name) if each["status"] == "Running"
            ]
            return len(running) == 2

        wait_until(both_run, timeout_s=PATIENCE_S, what="both calls are seen")
        for each in running:
            make.sdk.stop_execution(each["execution_id"])
        answers = [each.result(PATIENCE_S) for each in work]
    assert [status for status, _ in answers] != [200, 200]
    ended = [make.execution(each["execution_id"])["status"] for each in running]
    assert ended == ["Failed", "Failed"]


def test_a_front_that_is_killed_loses_nothing_and_another_takes_its_place(
    server: RunningServer, make: Maker
) -> None:
    endpoint = make.endpoint("add", pods=2)
    load = Load(endpoint)
    for _ in range(2):
        load.until(len(load.answered) + 200)
        before = fronts_of(server)
        for front in before:
            front.kill()
        await_others(server, before)
        wait_until(
            lambda: "2 of 2" in make.http.get(f"{server.url}/api/v1/health").text,
            timeout_s=PATIENCE_S,
            what="the front is up",
        )
    load.until(len(load.answered) + 200)
    load.end()
    make.executions(endpoint.name)
    check_kept(load, recorded(server))


def test_a_long_call_of_a_front_that_is_killed_ends_as_an_error(
    server: RunningServer, make: Maker, tmp_path: Path
) -> None:
    endpoint = make.endpoint(pods=2, timeout_s=60)
    _, front = callers(server, endpoint)
    with ThreadPoolExecutor(1) as threads:
        work = threads.submit(front.call, {"what": "hold", "argument": str(tmp_path / "never")})

        def running() -> list[Any]:
            return [each for each in make.executions(endpoint.name) if each["status"] == "Running"]

        wait_until(lambda: bool(running()), timeout_s=PATIENCE_S, what="the call is seen")
        execution_id = running()[0]["execution_id"]
        for process in fronts_of(server):
            process.kill()
        with pytest.raises((OSError, http.client.HTTPException)):
            work.result(PATIENCE_S)
    wait_until(
        lambda: make.execution(execution_id)["status"] == "Error",
        timeout_s=PATIENCE_S,
        what="it has ended",
    )
    callers(server, endpoint)


def test_a_server_that_is_killed_loses_nothing_and_leaves_nothing(
    own: Callable[..., tuple[RunningServer, Maker]],
) -> None:
    server, make = own()
    endpoint = make.endpoint("add", pods=2)
    load = Load(endpoint)
    load.until(300)
    fronts = fronts_of(server)
    server.kill()
    load.end()
    _, alive = psutil.wait_procs(fronts, PATIENCE_S)
    assert not alive
    # By one process: it takes up what the others left.
    server.environ["HEADRACE_PROCESSES"] = "1"
    server.start()
    check_kept(load, recorded(server))
    assert Caller(endpoint).call({"number1": 1, "number2": 2})[0] in {200, 503}


def test_a_server_that_is_stopped_answers_what_runs(
    own: Callable[..., tuple[RunningServer, Maker]], tmp_path: Path
) -> None:
    server, make = own()
    with holds_in(tmp_path):
        endpoint = make.endpoint(pods=2, timeout_s=60)
        both = callers(server, endpoint)
        paths = [tmp_path / f"hold-{number}" for number in range(2)]
        with ThreadPoolExecutor(2) as threads:
            work = [
                threads.submit(caller.call, {"what": "hold", "argument": str(path)})
                for caller, path in zip(both, paths, strict=True)
            ]
            for path in paths:
                began = path.with_name(f"{path.name}.began")
                wait_until(began.exists, timeout_s=PATIENCE_S, what="the call begins")
            assert server.process is not None
            server.process.send_signal(signal.SIGTERM)
            for path in paths:
                path.touch()
            answers = [each.result(PATIENCE_S) for each in work]
        assert [status for status, _ in answers] == [200, 200]
        assert server.stop() == 0
        found = recorded(server)
        assert all(body["execution_id"] in found for _, body in answers)


def test_a_pause_holds_all_processes_back(own: Callable[..., tuple[RunningServer, Maker]]) -> None:
    server, make = own()
    endpoint = make.endpoint(pods=2)
    both = callers(server, endpoint)
    environ = {**clean_environ(), **server.client_environ}
    subprocess.run([HEADRACE, "pause"], env=environ, check=True, timeout=PATIENCE_S)
    body = {"what": "give", "argument": 1}
    assert [caller.call(body)[0] for caller in both] == [503, 503]
    pods = [each for front in fronts_of(server) for each in front.children()]
    assert not pods
    subprocess.run([HEADRACE, "resume"], env=environ, check=True, timeout=PATIENCE_S)
    callers(server, endpoint)


def test_a_port_that_is_taken_is_refused(server: RunningServer, tmp_path: Path) -> None:
    port = server.url.rpartition(":")[2]
    refused = subprocess.run(
        [HEADRACE, "serve", "--data-dir", tmp_path / "other", "--port", port, "--processes", "2"],
        env=clean_environ(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert refused.returncode != 0
    assert f"Port {port}" in refused.stderr


def test_no_front_hears_a_signal_of_the_terminal(server: RunningServer) -> None:
    fronts = fronts_of(server)
    for front in fronts:
        os.kill(front.pid, signal.SIGINT)
        os.kill(front.pid, signal.SIGTERM)
    assert fronts_of(server) == fronts
