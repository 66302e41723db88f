"""Calls of pods while the database takes nothing for a while."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from tests.conftest import RunningServer, wait_until
from tests.warm import maker

pytestmark = pytest.mark.system

CALLS = 8


def test_calls_that_outlast_a_stall_of_the_database_are_answered_and_recorded_once(
    own_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    """They are seen again and again while the first commit waits."""
    server = own_server()
    with maker(server, tmp_path) as make, ThreadPoolExecutor(CALLS) as threads:
        endpoint = make.endpoint(
            "do_async",
            enable_parallel_executions=True,
            max_parallel_executions_per_pod=CALLS,
        )
        gates = [tmp_path / name for name in ("first", "others")]
        with closing(sqlite3.connect(server.data_dir / "headrace.db")) as other:
            other.execute("BEGIN IMMEDIATE")
            answers = []
            for gate, count in zip(gates, (1, CALLS - 1), strict=True):
                body = {"what": "hold_async", "argument": str(gate)}
                answers += [threads.submit(endpoint.post, body) for _ in range(count)]
                wait_until(Path(f"{gate}.began").exists, what="calls have begun")
                # The first one's record waits for the database by then, and all that come later
                # wait for it. They are looked at every 20 ms, from 60 ms on.
                with pytest.raises(TimeoutError):
                    answers[-1].result(0.3)
            other.rollback()
        for gate in gates:
            gate.touch()
        made = [answer.result(60) for answer in answers]
        assert [answer.status_code for answer in made] == [200] * CALLS
        found = [item["status"] for item in make.executions(endpoint.name)]
        assert found == ["Succeeded"] * CALLS
        assert "could not be recorded" not in server.log.read_text()


def test_a_call_that_becomes_slow_during_another_commit_is_recorded(
    own_server: Callable[..., RunningServer], tmp_path: Path
) -> None:
    server = own_server()
    with maker(server, tmp_path) as make, ThreadPoolExecutor(2) as threads:
        endpoint = make.endpoint(
            "do_async", enable_parallel_executions=True, max_parallel_executions_per_pod=2
        )
        # What is recorded once at the first call is there from here on.
        for _ in range(3):
            endpoint.do("count")
        gate = tmp_path / "gate"
        with closing(sqlite3.connect(server.data_dir / "headrace.db")) as other:
            other.execute("BEGIN IMMEDIATE")
            # Too large for the journal, which would not wait.
            fast = threads.submit(endpoint.post, {"what": "give", "argument": "x" * 40_000})
            with pytest.raises(TimeoutError):
                fast.result(0.3)
            body = {"what": "hold_async", "argument": str(gate)}
            slow = threads.submit(endpoint.post, body)
            wait_until(Path(f"{gate}.began").exists, what="the call has begun")
            # It is looked at every 20 ms, from 60 ms on, while the other one's commit waits.
            with pytest.raises(TimeoutError):
                slow.result(0.3)
            other.rollback()
        assert fast.result(30).status_code == 200
        gate.touch()
        answer = slow.result(30)
        assert answer.status_code == 200
        execution = make.execution(answer.json()["execution_id"])
        assert (execution["status"], execution["attempt"]) == ("Succeeded", 1)
        assert [item["status"] for item in make.executions(endpoint.name)] == ["Succeeded"] * 5
