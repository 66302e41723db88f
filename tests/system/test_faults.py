"""The kinds of fault of a machine, each with what a caller, a reader and the end then get."""

from __future__ import annotations

import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
from tests.conftest import RunningServer, wait_until

from headrace import HeadraceSdk, Input, Output

pytestmark = pytest.mark.system

BOUND_S = 60.0
"""More than any bound that a caller is promised in such a fault; none of them is measured."""


@dataclass
class Victim:
    """A server with a low-latency endpoint, which something happens to."""

    server: RunningServer
    sdk: HeadraceSdk
    token: str

    def call(self, number: int) -> httpx.Response:
        return httpx.post(
            f"{self.server.url}/endpoints/twice",
            json={"n": number},
            headers={"Authorization": f"EndpointToken {self.token}"},
            timeout=BOUND_S,
        )

    def look(self) -> int:
        """Read what needs the database, with credentials; return the status."""
        answer = self.sdk.list_executions(limit=1)
        return len(answer["items"])

    def recorded(self) -> set[str]:
        with closing(sqlite3.connect(self.server.data_dir / "headrace.db", timeout=60)) as database:
            return {row[0] for row in database.execute("SELECT id FROM executions")}


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    folder = tmp_path_factory.mktemp("faults")
    code = folder / "code"
    code.mkdir()
    (code / "twice.py").write_text("def twice(n):\n    return {'twice': 2 * n}\n")
    server = RunningServer(folder / "data", {"HEADRACE_STOP_GRACE_S": "1"}).start()
    with HeadraceSdk(server.token, server.url) as sdk:
        sdk.create_pipeline(
            "twice",
            "twice.py",
            "twice",
            container_config={"local_folder": str(code)},
            inputs=[Input("n", "number")],
            outputs=[Output("twice", "number")],
        )
        sdk.create_deployment("twice", "twice", "endpoint", mode="low_latency")
        token = sdk.get_deployment("twice")["endpoint_token"]
        victim = Victim(server, sdk, token)
        # Something to read in each fault, whichever comes first.
        assert victim.call(0).status_code == 200
        wait_until(victim.recorded, what="the first call is in the database")
        yield victim
    assert server.stop() == 0, server.log.read_text()


@contextmanager
def held_database(victim: Victim) -> Iterator[None]:
    """Another program writes, and does not end."""
    with closing(sqlite3.connect(victim.server.data_dir / "headrace.db", timeout=30)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.rollback()


@contextmanager
def stopped_children(victim: Victim) -> Iterator[None]:
    """All processes below the server are stopped but those of pods, which answer."""
    assert victim.server.process is not None
    found = [
        child
        for child in psutil.Process(victim.server.process.pid).children()
        if "harness" not in " ".join(child.cmdline())
    ]
    for child in found:
        child.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for child in found:
            child.send_signal(signal.SIGCONT)


@contextmanager
def deleted_lock(victim: Victim) -> Iterator[None]:
    (victim.server.data_dir / "server.lock").unlink()
    yield


@contextmanager
def wide_open(victim: Victim) -> Iterator[None]:
    """Somebody gives everybody the right to read."""
    victim.server.data_dir.chmod(0o755)
    yield
    victim.server.data_dir.chmod(0o700)


@pytest.mark.parametrize("fault", [held_database, stopped_children, deleted_lock, wide_open])
def test_in_a_fault_calls_are_answered_readers_are_served_and_nothing_is_lost(
    victim: Victim, fault: Callable[[Victim], Iterator[None]]
) -> None:
    with fault(victim):  # type: ignore[attr-defined]
        answers = [victim.call(number) for number in range(20)]
        # Twice, because the first one may be served what the last answers are not in yet.
        assert [victim.look(), victim.look()] == [1, 1]
    ids = set()
    for number, answer in enumerate(answers):
        if answer.status_code == 200:
            assert answer.json()["outputs"]["twice"] == 2 * number
            ids.add(answer.json()["execution_id"])
        else:
            # A call that takes longer than 60 ms is recorded by the database.
            assert fault is held_database
            assert answer.status_code in {303, 503}
    assert ids
    wait_until(lambda: ids <= victim.recorded(), what="answered calls are in the database")


def answered(victim: Victim, count: int) -> list[str]:
    """Call until so many were answered with their outputs; return their ids."""
    ids: list[str] = []
    while len(ids) < count:
        answer = victim.call(1)
        if answer.status_code == 200:
            ids.append(answer.json()["execution_id"])
    return ids


def test_a_journal_that_was_damaged_while_the_server_was_down_is_taken_up_and_said(
    victim: Victim,
) -> None:
    server = victim.server
    with held_database(victim):
        ids = answered(victim, 10)
        server.kill()
    journal = server.data_dir / "headrace.calls"
    content = bytearray(journal.read_bytes())
    content[content.index(ids[3].encode())] ^= 0x40
    journal.write_bytes(content)
    server.start()
    assert set(ids) - victim.recorded() == {ids[3]}
    assert "was damaged: 1 calls that were answered are lost" in server.log.read_text()


def test_a_server_ends_while_another_program_holds_its_database(victim: Victim) -> None:
    server = victim.server
    assert server.process is not None
    with held_database(victim):
        ids = set(answered(victim, 10))
        server.process.send_signal(signal.SIGTERM)
        # By itself, or by its bound: both are ends, and both say what is not written.
        assert server.process.wait(120) in {0, 1}
    log = server.log.read_text()
    assert str(Path(server.data_dir, "headrace.calls")) in log
    server.start()
    assert ids <= victim.recorded()
    assert os.path.lexists(server.data_dir / "server.lock")
