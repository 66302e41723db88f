"""Servers with pods that are stopped or killed under load: what was answered is on record."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.conftest import RunningServer, wait_until
from tests.system.work_pipelines import processes_of
from tests.warm import GATED, Endpoint, Maker, holds_in, maker

pytestmark = pytest.mark.system

THREADS = 8


class Load:
    """Callers of an endpoint that go on until the server is gone."""

    def __init__(self, endpoint: Endpoint, callers: int = THREADS) -> None:
        self.answered: dict[str, int] = {}
        self.refused: list[Any] = []
        self._endpoint = endpoint
        self._count = 0
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(callers)
        self._work = [self._threads.submit(self._call) for _ in range(callers)]

    def _call(self) -> None:
        headers = {"Authorization": f"EndpointToken {self._endpoint.token}"}
        # A connection for each call: one that is kept may be closed while it is idle.
        headers["Connection"] = "close"
        with httpx.Client(headers=headers, timeout=60) as http:
            while True:
                with self._lock:
                    self._count += 1
                    number = self._count
                try:
                    answer = http.post(self._endpoint.url, json={"number1": number, "number2": 0})
                except httpx.ConnectError:
                    return
                except httpx.TransportError as error:
                    self.refused.append(error)
                    return
                if answer.status_code == 200:
                    body = answer.json()
                    assert body["outputs"] == {"number3": number}
                    self.answered[body["execution_id"]] = number
                else:
                    self.refused.append(answer)

    def until(self, count: int) -> None:
        wait_until(lambda: len(self.answered) >= count, what="calls are answered")

    def end(self) -> None:
        self._threads.shutdown()
        for work in self._work:
            work.result()


def statuses(make: Maker, endpoint: Endpoint) -> list[str]:
    return [item["status"] for item in make.executions(endpoint.name)]


def recorded(server: RunningServer) -> dict[str, tuple[str, str]]:
    """Return status and outputs of each execution, from the database of a server that is down."""
    with closing(sqlite3.connect(server.data_dir / "headrace.db")) as database:
        rows = database.execute("SELECT id, status, outputs FROM executions").fetchall()
    return {row[0]: (row[1], row[2]) for row in rows}


def check_answered(load: Load, found: dict[str, tuple[str, str]]) -> None:
    for execution_id, number in load.answered.items():
        status, outputs = found[execution_id]
        assert status == "Succeeded"
        assert f'"json":{number}' in outputs


def test_a_server_under_load_is_stopped_then_killed(
    own_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    server = own_server(HEADRACE_STOP_GRACE_S="0.2", HEADRACE_EXECUTION_GRACE_S="0.2")
    with maker(server, tmp_path) as make, holds_in(tmp_path) as holds:
        make.sdk.create_or_update_environment_variable("WARM_FOLDER", str(tmp_path))
        add, slow = make.endpoint("add"), make.endpoint(pipeline=make.pipeline("do", GATED))
        held = holds.start(slow).begun()
        wait_until(lambda: statuses(make, slow)[-1:] == ["Running"])
        pending = [
            make.sdk.trigger_endpoint(slow.name, slow.token, {"what": "give", "argument": n}, False)
            for n in range(3)
        ]

        wait_until(lambda: make.executions(slow.name)[1]["status"] == "Running")
        # No other pod comes up when the one of the held call is ended.
        (tmp_path / "shut").touch()

        load = Load(add)
        load.until(100)
        assert server.stop() == 0
        load.end()
        assert not processes_of(server)
        # Every call was answered or refused, and nothing is on record of those refused.
        assert all(
            isinstance(refused, httpx.TransportError) or refused.status_code == 503
            for refused in load.refused
        ), load.refused
        found = recorded(server)
        check_answered(load, found)
        of_load = found.keys() - {item["execution_id"] for item in pending}
        ended = {key: found[key][0] for key in of_load - load.answered.keys()}
        assert list(ended.values()) == ["Error"], "only the call that was held"
        # One had been claimed for the pod, but its code had not begun.
        assert {found[item["execution_id"]][0] for item in pending} == {"Pending"}
        assert held.answer.result(30).status_code == 503
        assert held.answer.result().json()["name"] == "Unavailable"

        (tmp_path / "shut").unlink()
        server.start()
        # What was accepted with an id runs now, and the pods come up by themselves.
        for number, item in enumerate(pending):
            outputs = make.sdk.retrieve_endpoint_results(slow.name, item["execution_id"])["outputs"]
            assert outputs == {"value": number}
        for endpoint in (add, slow):
            shown = make.sdk.get_deployment(endpoint.name, wait_for_completion=True)
            assert (shown["status"], len(shown["pods"])) == ("up", 1)

        held, waiting = holds.start(slow).begun(), holds.start(slow)
        wait_until(lambda: statuses(make, slow)[-2:] == ["Running", "Pending"])
        load = Load(add)
        load.until(100)
        server.kill()
        load.end()
        wait_until(lambda: not processes_of(server), what="the pods end")

        # What was answered last is in the journal alone, and a start moves it.
        server.start()
        check_answered(load, recorded(server))
        # What had not begun is made now, although nobody waits for it any more.
        wait_until(lambda: waiting.has_begun)
        waiting.let_go()
        wait_until(lambda: statuses(make, slow)[-2:] == ["Error", "Succeeded"])
        executions = make.sdk.list_executions(limit=1000)["items"]
        assert {item["status"] for item in executions} == {"Succeeded", "Error"}
        lost = next(item for item in executions if item["status"] == "Error")
        assert lost["deployment_name"] == slow.name
        assert lost["failure"]["kind"] == "worker_lost"
        make.sdk.get_deployment(add.name, wait_for_completion=True)
        assert add.post({"number1": 1, "number2": 2}).json()["outputs"] == {"number3": 3}
        assert server.stop() == 0
        assert "Traceback" not in server.log.read_text()


def test_calls_are_answered_while_the_database_is_held_by_another(
    own_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    """They wait in the journal for it, and are not lost if the server is killed meanwhile."""
    server = own_server()
    with maker(server, tmp_path) as make:
        add = make.endpoint("add")
        load = Load(add)
        load.until(100)
        with closing(sqlite3.connect(server.data_dir / "headrace.db", timeout=30)) as other:
            other.execute("BEGIN IMMEDIATE")
            load.until(len(load.answered) + 300)
            server.kill()
            other.rollback()
        load.end()
        assert [answer for answer in load.refused if isinstance(answer, httpx.Response)] == []
        ahead = load.answered.keys() - recorded(server).keys()
        assert len(ahead) >= 200
        server.start()
        check_answered(load, recorded(server))
        assert {status for status, _ in recorded(server).values()} == {"Succeeded"}
        assert "Traceback" not in server.log.read_text()


def test_calls_of_a_caller_who_is_alone_are_on_disk_when_the_server_is_killed(
    own_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    """They are in the journal; the next server moves them to the database."""
    server = own_server()
    with maker(server, tmp_path) as make:
        add = make.endpoint("add")
        for _ in range(2):
            load = Load(add, callers=1)
            load.until(150)
            server.kill()
            load.end()
            assert all(isinstance(refused, httpx.TransportError) for refused in load.refused)
            server.start()
            check_answered(load, recorded(server))
            make.sdk.get_deployment(add.name, wait_for_completion=True)
            assert "Traceback" not in server.log.read_text()
