"""An execution keeps the version that it was accepted with, whichever becomes the current one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import Connection
from tests.store.conftest import PIPELINE

from headrace.core.executions import Execution
from headrace.core.pipelines import PipelineStatus
from headrace.store import executions, pipelines
from headrace.store.tables import pipelines as table

SECOND = replace(
    PIPELINE.version,
    id="version-2",
    number=2,
    bundle="bundle-2",
    environment=None,
    status=PipelineStatus.PENDING,
    message="Faster.",
    created_by="user-2",
)


@pytest.fixture
def two(connection: Connection) -> Connection:
    """A database with a second version of the pipeline, which is being built."""
    pipelines.add_version(connection, PIPELINE.id, SECOND)
    return connection


def make_current(connection: Connection, number: int) -> None:
    connection.execute(table.update().values(current_version=number))


def test_a_version_is_built_beside_the_current_one(two: Connection) -> None:
    (pending,) = pipelines.pending_pipelines(two)
    assert pending == replace(PIPELINE, version=SECOND)
    assert pipelines.pipeline_by_name(two, "one") == PIPELINE
    assert pipelines.end_build(two, SECOND.id, environment="environment-2", failure=None)
    assert not pipelines.end_build(two, SECOND.id, environment=None, failure="too late")
    assert pipelines.pending_pipelines(two) == []
    assert pipelines.digests_in_use(two) == (
        {"bundle-1", "bundle-2"},
        {"environment-1", "environment-2"},
    )


def test_an_execution_keeps_its_version(
    two: Connection, new_execution: Callable[..., Execution]
) -> None:
    executions.add_execution(two, new_execution("1"), None)
    pipelines.end_build(two, SECOND.id, environment="environment-2", failure=None)
    make_current(two, 2)
    executions.add_execution(two, new_execution("2", pipeline_version=2), None)

    newest = pipelines.pipeline_by_id(two, PIPELINE.id)
    assert newest is not None
    assert newest.version == replace(
        SECOND, environment="environment-2", status=PipelineStatus.READY
    )
    of_each = [
        pipelines.pipeline_of(two, execution)
        for execution_id in ("1", "2")
        if (execution := executions.execution_by_id(two, execution_id)) is not None
    ]
    assert of_each == [PIPELINE, newest]


def test_an_environment_that_moved_is_that_of_its_version(two: Connection) -> None:
    pipelines.move_environment(two, PIPELINE.version.id, "environment-3")
    pipelines.move_environment(two, SECOND.id, "environment-4")  # It has none that could move.
    assert pipelines.digests_in_use(two)[1] == {"environment-3"}


def test_versions_go_with_their_pipeline(two: Connection) -> None:
    pipelines.remove_pipeline(two, PIPELINE.id)
    assert pipelines.digests_in_use(two) == (set(), set())
