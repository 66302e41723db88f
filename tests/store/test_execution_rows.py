"""Rows of executions against the transitions of the core."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Connection
from tests.store.conftest import AT, PIPELINE

from headrace.core.destinations import DataStorePath, EndpointResult, Nowhere, RunResult
from headrace.core.execution_filters import ExecutionFilter
from headrace.core.executions import (
    TRANSITIONS,
    Execution,
    InputRecord,
    OutputRecord,
    Status,
    status_after,
)
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.retries import Retries
from headrace.core.sources import (
    Constant,
    DataStoreFile,
    EndpointValue,
    EnvironmentVariable,
    Null,
    RunValue,
)
from headrace.core.values import DataType, FileStore, FileValue
from headrace.store import attempts, claims, workers
from headrace.store import executions as rows
from headrace.store import pipelines as pipeline_rows
from headrace.store.execution_search import latest_id, search
from headrace.store.orphans import take_from_dead
from headrace.store.sqlite.connections import open_sqlite
from headrace.store.sqlite.migrate import migrate

Make = Callable[..., Execution]

WORKERS = ["w1", "w2"]
KINDS = [None, FailureKind.USER_ERROR, FailureKind.WORKER_LOST]
INPUTS = (
    InputRecord("a", DataType.NUMBER, RunValue("a"), 10**30),
    InputRecord("b", DataType.FILE, RunValue("b"), FileValue("p/b", "é.csv", 3)),
    InputRecord("c", DataType.JSON, Constant({"file": [1]}), {"file": [1]}),
    InputRecord("d", DataType.STRING, EnvironmentVariable("D"), None),
    InputRecord("e", DataType.FILE, DataStoreFile("x/y"), None),
    InputRecord("f", DataType.ARRAY, EndpointValue("out", False, [1]), [1.5, None, "\0"]),
    InputRecord("g", DataType.BOOLEAN, Null(), None),
)
OUTPUTS = (
    OutputRecord("r", DataType.JSON, RunResult("r"), {"json": 1}),
    OutputRecord(
        "s",
        DataType.FILE,
        DataStorePath("s/{date}"),
        FileValue("s/1", "s", 0, FileStore.DATA_STORE),
    ),
    OutputRecord("t", DataType.STRING, EndpointResult("out"), ""),
    OutputRecord("u", DataType.NUMBER, Nowhere(), None),
)


def listed(
    connection: Connection, *, limit: int, before: str | None = None, **wanted: Any
) -> Sequence[Execution]:
    return search(connection, ExecutionFilter(**wanted), limit=limit, before=before).executions


def failure_of(kind: FailureKind | None) -> Failure | None:
    return None if kind is None else Failure(kind, "why")


def test_an_execution_is_read_back(connection: Connection, new_execution: Make) -> None:
    execution = new_execution("1", inputs=INPUTS, outputs=OUTPUTS, attempt=3)
    rows.add_execution(connection, execution, None)
    assert rows.execution_by_id(connection, "1") == execution
    assert rows.execution_by_id(connection, "2") is None


def test_an_end_is_read_back(connection: Connection, new_execution: Make) -> None:
    running = new_execution("1", status=Status.RUNNING, started_at=AT)
    rows.add_execution(connection, running, "w1")
    failure = Failure(FailureKind.TIMEOUT, "Too long.")
    assert attempts.finish(
        connection, "1", "w1", attempt=1, outputs=OUTPUTS, failure=failure, at=AT
    )
    assert rows.execution_by_id(connection, "1") == replace(
        running, status=Status.FAILED, ended_at=AT, outputs=OUTPUTS, failure=failure
    )


def test_the_oldest_is_claimed_first(
    connection: Connection, pending: Callable[[int], list[str]]
) -> None:
    ids = pending(7)
    claimed = [
        [execution.id for execution in claims.claim_pending(connection, "w1", limit=3, at=AT)]
        for _ in range(4)
    ]
    assert claimed == [ids[:3], ids[3:6], ids[6:], []]
    assert claims.backlog(connection, AT) == claims.Backlog()


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("status", [None, Status.PENDING, Status.SUCCEEDED])
@pytest.mark.parametrize("pipeline_id", [None, "pipeline-2"])
def test_pages_are_a_sorted_list_cut_into_pieces(
    connection: Connection,
    new_execution: Make,
    size: int,
    status: Status | None,
    pipeline_id: str | None,
) -> None:
    version = replace(PIPELINE.version, id="version-of-two")
    two = replace(PIPELINE, id="pipeline-2", name="two", version=version)
    pipeline_rows.add_pipeline(connection, two)
    model: Sequence[Execution] = ()
    for number in (5, 1, 9, 3, 7, 2, 8, 4, 6):
        execution = new_execution(f"{number}", pipeline_id=f"pipeline-{1 + number % 2}")
        rows.add_execution(connection, execution, None)
        if number % 3 == 0:
            claims.claim_pending(connection, "w1", limit=1, at=AT)
            running = listed(connection, limit=1, statuses=(Status.RUNNING,))[0]
            attempts.finish(
                connection, running.id, "w1", attempt=1, outputs=(), failure=None, at=AT
            )
    model = listed(connection, limit=100)
    assert [execution.id for execution in model] == [f"{n}" for n in range(9, 0, -1)]
    wanted = [
        execution
        for execution in model
        if status in {None, execution.status} and pipeline_id in {None, execution.pipeline_id}
    ]
    found: list[Execution] = []
    before = None
    while page := listed(
        connection,
        limit=size,
        before=before,
        pipeline_id=pipeline_id,
        statuses=(status,) if status else (),
    ):
        assert len(page) <= size
        found += page
        before = page[-1].id
    assert found == wanted


class Life(RuleBasedStateMachine):
    """Whatever is asked in whatever order, rows change only as the core's transitions allow."""

    folder: Path
    template: Path

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        path = Path(shutil.copy(self.template, self.folder / "headrace.db"))
        self.engine = open_sqlite(path, read_only=False)
        self.connection = self.engine.connect()
        self.model: dict[str, tuple[Status, str | None]] = {}
        self.attempts: dict[str, int] = {}
        self.retries: dict[str, int] = {}

    def teardown(self) -> None:
        self.connection.close()
        self.engine.dispose()
        shutil.rmtree(self.folder)

    def move(self, execution_id: str, status: Status, worker: str | None) -> None:
        before = self.model[execution_id][0]
        assert status in TRANSITIONS[before]
        self.model[execution_id] = (status, worker)

    def status(self, number: int) -> tuple[Status | None, str | None]:
        return self.model.get(f"{number}", (None, None))

    def attempt(self, number: int) -> int:
        return self.attempts.get(f"{number}", 1)

    @rule(worker=st.sampled_from([None, *WORKERS]), retries=st.integers(0, 2))
    def add(self, worker: str | None, retries: int) -> None:
        execution_id = f"{len(self.model)}"
        status = Status.RUNNING if worker else Status.PENDING
        execution = Execution(
            execution_id,
            PIPELINE.id,
            PIPELINE.name,
            None,
            status,
            AT,
            "u",
            AT if worker else None,
            retries=Retries(retries, 0.0),
        )
        rows.add_execution(self.connection, execution, worker)
        self.model[execution_id] = (status, worker)
        self.attempts[execution_id] = 1
        self.retries[execution_id] = retries

    @rule(worker=st.sampled_from(WORKERS), limit=st.integers(1, 3))
    def claim(self, worker: str, limit: int) -> None:
        waiting = sorted(id_ for id_, (status, _) in self.model.items() if status is Status.PENDING)
        claimed = claims.claim_pending(self.connection, worker, limit=limit, at=AT)
        assert [execution.id for execution in claimed] == waiting[:limit]
        for execution in claimed:
            assert execution.attempt == self.attempts[execution.id]
            self.move(execution.id, Status.RUNNING, worker)

    @rule(
        number=st.integers(0, 5),
        worker=st.sampled_from(WORKERS),
        kind=st.sampled_from(KINDS),
        stale=st.booleans(),
    )
    def finish(self, number: int, worker: str, kind: FailureKind | None, stale: bool) -> None:
        failure = failure_of(kind)
        attempt = self.attempt(number) - stale
        done = attempts.finish(
            self.connection,
            f"{number}",
            worker,
            attempt=attempt,
            outputs=(),
            failure=failure,
            at=AT,
        )
        assert done is (not stale and self.status(number) == (Status.RUNNING, worker))
        if done:
            self.move(f"{number}", status_after(failure), worker)

    @rule(number=st.integers(0, 5), worker=st.sampled_from(WORKERS), stale=st.booleans())
    def attempt_again(self, number: int, worker: str, stale: bool) -> None:
        done = attempts.attempt_again(
            self.connection,
            f"{number}",
            worker,
            Failure(FailureKind.USER_ERROR, "why"),
            attempt=self.attempt(number) - stale,
            at=AT,
            delay=timedelta(),
        )
        assert done is (not stale and self.status(number) == (Status.RUNNING, worker))
        if done:
            self.move(f"{number}", Status.PENDING, None)
            self.attempts[f"{number}"] += 1

    @rule(number=st.integers(0, 5), worker=st.sampled_from(WORKERS))
    def hand_back(self, number: int, worker: str) -> None:
        done = attempts.hand_back(
            self.connection, f"{number}", worker, attempt=self.attempt(number), at=AT
        )
        assert done is (self.status(number) == (Status.RUNNING, worker))
        if done:
            self.move(f"{number}", Status.PENDING, None)

    @rule(number=st.integers(0, 5), kind=st.sampled_from(KINDS[1:]))
    def end_pending(self, number: int, kind: FailureKind) -> None:
        failure = Failure(kind, "why")
        done = rows.end_pending(self.connection, f"{number}", failure, AT)
        assert done is (self.status(number)[0] is Status.PENDING)
        if done:
            self.move(f"{number}", status_after(failure), None)

    @rule(worker=st.sampled_from(WORKERS))
    def take_from_dead(self, worker: str) -> None:
        """All workers but one are gone."""
        workers.remove_others(self.connection, worker)
        workers.remove_worker(self.connection, worker)
        workers.add_worker(self.connection, worker, AT)
        taken = take_from_dead(self.connection, Failure(FailureKind.WORKER_LOST, "why"), AT)
        lost = [
            execution_id
            for execution_id, (status, holder) in self.model.items()
            if status is Status.RUNNING and holder != worker
        ]
        assert sorted(orphan.execution_id for orphan in taken) == sorted(lost)
        for execution_id in lost:
            if self.attempts[execution_id] > self.retries[execution_id]:
                self.move(execution_id, Status.ERROR, self.model[execution_id][1])
            else:
                self.move(execution_id, Status.PENDING, None)
                self.attempts[execution_id] += 1

    @invariant()
    def rows_are_as_the_model_says(self) -> None:
        if not hasattr(self, "connection"):
            return
        found = listed(self.connection, limit=1000)
        assert {e.id: e.status for e in found} == {i: s for i, (s, _) in self.model.items()}
        for execution in found:
            assert (execution.ended_at is not None) is execution.status.is_terminal
            assert (execution.failure is not None) is (
                execution.status in {Status.FAILED, Status.ERROR}
            )
        waits = any(status is Status.PENDING for status, _ in self.model.values())
        assert claims.backlog(self.connection, AT).is_ready is waits
        for execution in found:
            earlier = attempts.attempts_of(self.connection, execution.id)
            assert [attempt.number for attempt in earlier] == list(range(1, execution.attempt))


def test_rows_live_as_the_core_says(migrated: Path) -> None:
    machine: Any = type("LifeHere", (Life,), {"template": migrated})
    machine.TestCase.settings = settings(
        max_examples=15,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    machine.TestCase("runTest").runTest()


def test_a_database_without_rows_answers(tmp_path: Path) -> None:
    path = tmp_path / "headrace.db"
    migrate(path)
    with open_sqlite(path, read_only=True).connect() as connection:
        assert listed(connection, limit=10) == []
        assert latest_id(connection, ExecutionFilter(pipeline_id="nobody")) is None
        assert pipeline_rows.all_pipelines(connection) == []
