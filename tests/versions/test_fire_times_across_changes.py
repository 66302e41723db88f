"""Fire times while the current version changes: none is lost or doubled, each has one version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from tests.control.test_clocks_and_changes import NOON, PIPELINE, WORKER, add

from headrace.control.transactions.schedules import fire_due
from headrace.control.transactions.versions import end_build, roll_back
from headrace.core.names import new_id
from headrace.core.pipelines import Pipeline, PipelineStatus
from headrace.store import executions, ledger, versions
from headrace.store.pipelines import add_pipeline, add_version, pipeline_by_name
from headrace.store.sqlite.connections import open_sqlite
from headrace.store.sqlite.migrate import migrate

MINUTE = timedelta(minutes=1)


@pytest.fixture(scope="module")
def connection(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    path = Path(tmp_path_factory.mktemp("fires"), "headrace.db")
    migrate(path)
    with open_sqlite(path, read_only=False).connect() as made:
        made.exec_driver_sql("PRAGMA synchronous = OFF")
        yield made


def new_pipeline(connection: Connection) -> Pipeline:
    one = replace(PIPELINE.version, id=new_id())
    made = replace(PIPELINE, id=new_id(), name=new_id(), version=one)
    add_pipeline(connection, made)
    return made


def deploy(connection: Connection, pipeline: Pipeline, at: datetime) -> int:
    """Make another version, whose build ends at a time; return its number."""
    (newest,) = versions.list_versions(connection, pipeline.id, limit=1)
    number = newest.version.number + 1
    coming = replace(
        PIPELINE.version,
        id=new_id(),
        number=number,
        status=PipelineStatus.PENDING,
        environment=None,
    )
    add_version(connection, pipeline.id, coming)
    ended = end_build(
        connection,
        replace(pipeline, version=coming),
        environment="environment-1",
        failure=None,
        at=at,
        worker_id=WORKER,
    )
    assert ended.has_moved
    return number


@settings(max_examples=20, deadline=None)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["fire", "deploy", "back"]), st.integers(1, 200)),
        min_size=1,
        max_size=8,
    ),
    jitter_s=st.sampled_from([0.0, 40.0]),
)
def test_each_fire_time_has_the_version_that_was_current_then(
    connection: Connection, steps: list[tuple[str, int]], jitter_s: float
) -> None:
    pipeline = new_pipeline(connection)
    made = add(connection, "* * * * *", jitter_s, pipeline=pipeline)
    now, current = NOON, 1
    since = [(NOON, 1)]
    for what, seconds in steps:
        now += timedelta(seconds=seconds)
        if what == "deploy":
            current = deploy(connection, pipeline, now)
        elif what == "back" and current > 1:
            back, _ = roll_back(
                connection, pipeline.name, current - 1, now, WORKER, is_forced=False
            )
            current = back.version.number
        else:
            fire_due(connection, now, WORKER)
            continue
        since.append((now, current))
    end = now + 3 * MINUTE
    fire_due(connection, end, WORKER)

    rows = ledger.list_rows(connection, made.id, limit=1000)
    fired = sorted(row.fire_at for row in rows)
    first = NOON.replace(second=0) + MINUTE
    assert fired == [first + n * MINUTE for n in range(len(fired))]
    assert fired[-1] >= end - 2 * MINUTE
    for row in rows:
        assert row.execution_id is not None
        execution = executions.execution_by_id(connection, row.execution_id)
        assert execution is not None
        expected = [number for at, number in since if at < row.fire_at][-1]
        assert execution.pipeline_version == expected
    present = pipeline_by_name(connection, pipeline.name)
    assert present is not None
    assert present.version.number == current
