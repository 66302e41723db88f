"""A pipeline or deployment with many executions: gone at once, its rows little by little."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from tests.conftest import wait_until
from tests.system.told_pipelines import Told, is_alive, make_pipelines

from headrace import Conflict, Input, NotFound, Output

pytestmark = pytest.mark.system

MANY = 20_000


def database_of(told: Told) -> Path:
    return told.server.data_dir / "headrace.db"


def counted(told: Told, pipeline_id: str) -> int:
    with closing(sqlite3.connect(database_of(told), timeout=60)) as database:
        query = "SELECT count(*) FROM executions WHERE pipeline_id = ?"
        return int(database.execute(query, [pipeline_id]).fetchone()[0])


def id_of_pipeline(told: Told, name: str) -> str:
    with closing(sqlite3.connect(database_of(told), timeout=60)) as database:
        query = "SELECT id FROM pipelines WHERE name = ?"
        return str(database.execute(query, [name]).fetchone()[0])


def multiply(told: Told, execution_id: str, count: int) -> None:
    """Copy an execution; those of a server that is stopped."""
    with closing(sqlite3.connect(database_of(told))) as database, database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(executions)")]
        names = ", ".join(column for column in columns if column != "id")
        series = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
        copied = f"SELECT substr(id, 1, 24) || printf('%012x', i), {names} FROM executions, n"  # noqa: S608 - columns
        database.execute(
            series + f"INSERT INTO executions (id, {names}) " + copied + " WHERE id = ?",
            [count, execution_id],
        )


def tombstones(told: Told) -> int:
    with closing(sqlite3.connect(database_of(told), timeout=60)) as database:
        return len(
            database.execute(
                "SELECT id FROM pipelines WHERE deleted_at IS NOT NULL UNION ALL "
                "SELECT id FROM deployments WHERE deleted_at IS NOT NULL"
            ).fetchall()
        )


def with_many(told: Told, execution_id: str) -> str:
    """Give an execution many copies; return the id of its pipeline."""
    told.go("often", told.begun("often")[0])
    told.ended(execution_id)
    assert told.server.stop() == 0
    multiply(told, execution_id, MANY)
    told.restart()
    return id_of_pipeline(told, "told")


@pytest.fixture
def told(make_told: Callable[..., Told], tmp_path: Path) -> Told:
    return make_told(tmp_path / "data", HEADRACE_STOP_GRACE_S="1")


def test_a_pipeline_with_many_executions_is_gone_at_once_and_its_rows_after_a_kill(
    told: Told, tmp_path: Path
) -> None:
    told.endpoint("often")
    execution_id = told.call("often")
    pipeline_id = with_many(told, execution_id)
    with pytest.raises(Conflict, match="often"):
        told.sdk.delete_pipeline("told")
    assert told.sdk.delete_pipeline("told", force_deployments_deletion=True) == {
        "pipeline": {"name": "told"},
        "deployments": [{"name": "often", "execution_rule": "endpoint"}],
    }
    left = counted(told, pipeline_id)
    assert left > 0, "all went at once, so this proves nothing: more are needed"
    for ask in (
        lambda: told.sdk.get_pipeline("told"),
        lambda: told.sdk.get_pipeline_execution(execution_id),
        lambda: told.sdk.get_deployment("often"),
    ):
        with pytest.raises(NotFound):
            ask()
    assert told.sdk.list_executions()["items"] == []
    told.server.kill()
    told.restart()
    assert 0 < counted(told, pipeline_id) <= left
    # Meanwhile its name is free, and what bears it now has nothing of the old one.
    make_pipelines(told.sdk, tmp_path / "again", ("told",))
    told.endpoint("often")
    told.folder = tmp_path / "marks-again"
    told.folder.mkdir()
    again = told.call("often")
    told.go("often", told.begun("often")[0])
    assert told.ended(again)["status"] == "Succeeded"
    wait_until(lambda: counted(told, pipeline_id) == 0, timeout_s=120, what="all rows go")
    wait_until(lambda: tombstones(told) == 0, what="nothing of it is left")
    assert [item["execution_id"] for item in told.sdk.list_executions()["items"]] == [again]


def test_a_deployment_with_many_executions_is_gone_at_once_and_its_history_stays(
    told: Told,
) -> None:
    told.endpoint("often")
    execution_id = told.call("often")
    pipeline_id = with_many(told, execution_id)
    assert told.sdk.delete_deployment("often") == {"name": "often", "execution_rule": "endpoint"}
    assert tombstones(told) == 1, "all went at once, so this proves nothing: more are needed"
    with pytest.raises(NotFound):
        told.sdk.get_deployment("often")
    with pytest.raises(NotFound):
        told.call("often")
    told.endpoint("often")
    told.server.kill()
    told.restart()
    wait_until(lambda: tombstones(told) == 0, timeout_s=120, what="nothing refers to it")
    assert counted(told, pipeline_id) == MANY + 1
    assert told.execution(execution_id)["deployment_name"] == "often"
    assert [found["name"] for found in told.sdk.list_deployments()] == ["often"]


def test_what_runs_and_what_waits_ends_with_the_deletion(
    make_told: Callable[..., Told], tmp_path: Path
) -> None:
    told = make_told(tmp_path / "data", HEADRACE_MAX_EXECUTIONS="1")
    told.endpoint("first")
    running = told.call("first")
    told.begun("first")
    waiting = told.call("first")
    other = told.run("other")
    told.sdk.delete_deployment("first")
    assert [told.ended(each)["failure"]["kind"] for each in (running, waiting)] == ["cancelled"] * 2
    # A plain run of the same pipeline has nothing to do with it.
    told.go("other", told.begun("other")[0])
    assert told.ended(other)["status"] == "Succeeded"
    left = told.run("left")
    pid, _ = told.begun("left")
    told.sdk.delete_pipeline("told")
    with pytest.raises(NotFound):
        told.sdk.get_pipeline_execution(left)
    assert not is_alive(pid)


def test_each_call_that_was_answered_while_its_deployment_was_deleted_is_on_record(
    told: Told,
) -> None:
    """A call is refused, or answered and kept: not accepted and then deleted."""
    told.sdk.create_pipeline(
        "twice",
        "twice.py",
        "twice",
        container_config={"local_folder": str(code_of(told))},
        inputs=[Input("n", "number")],
        outputs=[Output("twice", "number")],
    )
    told.sdk.create_deployment("twice", "warm", "endpoint", mode="low_latency")
    token = told.sdk.get_deployment("warm")["endpoint_token"]
    answers: list[int] = []
    is_over = threading.Event()

    def call() -> None:
        with httpx.Client(headers={"Authorization": f"EndpointToken {token}"}) as http:
            while not is_over.is_set():
                answer = http.post(f"{told.server.url}/endpoints/warm", json={"n": 1}, timeout=60)
                answers.append(answer.status_code)

    callers = [threading.Thread(target=call) for _ in range(4)]
    for caller in callers:
        caller.start()
    try:
        wait_until(lambda: answers.count(200) > 100, what="calls are answered")
        told.sdk.delete_deployment("warm")
        after = len(answers)
        wait_until(lambda: len(answers) > after + 20, what="calls come after the deletion")
    finally:
        is_over.set()
        for caller in callers:
            caller.join(60)
    pipeline_id = id_of_pipeline(told, "twice")
    assert set(answers[after + len(callers) :]) == {404}
    assert counted(told, pipeline_id) == answers.count(200)


def code_of(told: Told) -> Path:
    folder = told.folder / "twice"
    folder.mkdir()
    (folder / "twice.py").write_text("def twice(n):\n    return {'twice': 2 * n}\n")
    return folder
