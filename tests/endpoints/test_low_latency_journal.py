"""Calls that come one by one go to the journal first; nobody who asks for them can tell."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from proof.chaos.small_disk import SmallDisk, small_disk
from tests.conftest import RunningServer, wait_until
from tests.warm import Endpoint, Maker, maker

pytestmark = pytest.mark.system


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as found:
        if found is None:
            pytest.skip("a small disk needs the right to mount one")
        yield found


@pytest.fixture
def full_server(disk: SmallDisk) -> Iterator[RunningServer]:
    """A server whose data are on the small disk; its log is on another one."""
    made = RunningServer(disk.folder).start()
    yield made
    if made.process is not None and made.process.poll() is None:
        assert made.stop() == 0


def called(endpoint: Endpoint, count: int, begin: int = 0) -> dict[str, int]:
    """Make calls one after the other; return the execution ids with what was sent."""
    answers = {}
    for number in range(begin, begin + count):
        answer = endpoint.post({"number1": number, "number2": 0})
        assert answer.status_code == 200, answer.text
        answers[answer.json()["execution_id"]] = number
    return answers


def alone(endpoint: Endpoint) -> None:
    """Let the server find that calls come one by one."""
    called(endpoint, 1)
    time.sleep(0.1)


def check(make: Maker, found: dict[str, int]) -> None:
    for execution_id, number in found.items():
        execution = make.execution(execution_id)
        assert execution["status"] == "Succeeded"
        assert execution["outputs"][0]["value"] == number


def rows(server: RunningServer) -> set[str]:
    """Return the ids that the database has, whatever the server would say."""
    with closing(sqlite3.connect(server.data_dir / "headrace.db", timeout=30)) as database:
        return {row[0] for row in database.execute("SELECT id FROM executions")}


def test_what_was_answered_is_seen_at_once(
    own_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    server = own_server()
    with maker(server, tmp_path) as make:
        add = make.endpoint("add")
        alone(add)
        ahead = 0
        for number in range(1, 60, 6):
            found = called(add, 6, number)
            ahead += len(found.keys() - rows(server))
            newest = [item["execution_id"] for item in make.executions(add.name)[-6:]]
            assert newest == list(found)
            found = called(add, 3)
            check(make, found)
        assert ahead, "calls are in the journal first"
        found = called(add, 5)
        make.sdk.delete_pipeline_execution(list(found)[-1])
        remaining = {item["execution_id"] for item in make.executions(add.name)}
        assert found.keys() - remaining == {list(found)[-1]}
        assert "Traceback" not in server.log.read_text()


def test_calls_of_what_is_deleted_right_afterwards(
    own_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    server = own_server()
    with maker(server, tmp_path) as make:
        add = make.endpoint("add")
        alone(add)
        found = called(add, 5)
        make.sdk.delete_deployment(add.name)
        check(make, found)
        again = make.endpoint("add")
        alone(again)
        called(again, 5)
        make.sdk.delete_pipeline(make.pipeline("add"), force_deployments_deletion=True)
        assert make.sdk.list_executions(limit=100)["items"] == []
        assert server.stop() == 0
        assert rows(server) == set()
        assert "Traceback" not in server.log.read_text()


@pytest.mark.parametrize("end", ["room", "stopped", "killed"])
def test_while_the_disk_is_full_what_was_answered_is_kept(
    tmp_path: Path, disk: SmallDisk, full_server: RunningServer, end: str
) -> None:
    server = full_server
    with maker(server, tmp_path) as make:
        add = make.endpoint("add")
        alone(add)
        with disk.full():
            found = called(add, 5)
            check_is_quick(make)
            if end == "killed":
                server.kill()
            elif end == "stopped":
                assert server.stop() == 0
        if end != "room":
            server.start()
        else:
            # It tries again after a while.
            wait_until(lambda: found.keys() <= rows(server), what="the calls are moved")
        check(make, found)
        assert found.keys() <= rows(server)


def check_is_quick(make: Maker) -> None:
    """Nobody who reads waits for a database that takes nothing."""
    begin = time.monotonic()
    items: list[Any] = make.sdk.list_executions(limit=10)["items"]
    assert items
    assert time.monotonic() - begin < 10
