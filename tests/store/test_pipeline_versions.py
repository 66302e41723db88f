"""An execution keeps the version that it was accepted with, whichever becomes the current one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection
from tests.store.conftest import AT, PIPELINE

from headrace.core.attachments import Attachment
from headrace.core.deployments import Deployment, Mode
from headrace.core.executions import Execution
from headrace.core.pipelines import Calling, Pipeline, PipelineStatus
from headrace.core.sources import Rule
from headrace.store import deployments, executions, pipelines
from headrace.store.tables import pipelines as table

SECOND = replace(
    PIPELINE.version,
    id="version-2",
    number=2,
    bundle="bundle-2",
    environment=None,
    status=PipelineStatus.PENDING,
    message="Faster.",
    calling=Calling.TYPED,
    is_forced=True,
    held_back="not yet",
    created_by="user-2",
)


@pytest.fixture
def two(connection: Connection) -> Connection:
    """A database with a second version of the pipeline, which is being built."""
    pipelines.add_version(connection, PIPELINE.id, SECOND)
    return connection


def endpoint_of(pipeline: Pipeline, name: str, **fields: Any) -> Deployment:
    return Deployment(
        id=name,
        name=name,
        pipeline=pipeline,
        rule=Rule.ENDPOINT,
        mode=Mode.ELASTIC,
        description=None,
        sources=(),
        destinations=(),
        is_enabled=True,
        created_at=AT,
        created_by="user-1",
        updated_at=AT,
        updated_by="user-1",
        url_path=name,
        **fields,
    )


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


def test_a_pinned_deployment_has_its_version_and_others_the_current_one(two: Connection) -> None:
    for name, pinned in (("follows", None), ("pinned", 2)):
        deployment = endpoint_of(PIPELINE, name, pinned_version=pinned)
        deployments.add_deployment(two, deployment, b"sealed")
    found = {one.name: one.pipeline.version.number for one in deployments.all_deployments(two)}
    assert found == {"follows": 1, "pinned": 2}
    make_current(two, 2)
    found = {one.name: one.pipeline.version.number for one in deployments.all_deployments(two)}
    assert found == {"follows": 2, "pinned": 2}


def test_what_goes_along_with_a_deployment_is_read_as_it_was_written(two: Connection) -> None:
    attached = Attachment("model.bin", "d" * 64, 3, "models/model.bin")
    made = endpoint_of(PIPELINE, "d", probe={"x": [1, None]}, attachments=(attached,))
    deployments.add_deployment(two, made, b"sealed")
    assert deployments.deployment_by_id(two, made.id) == made
    deployments.change_deployment(two, replace(made, probe=None, attachments=(), pinned_version=1))
    assert deployments.deployment_by_id(two, made.id) == replace(
        made, probe=None, attachments=(), pinned_version=1
    )


def test_an_execution_names_the_one_that_it_repeats(
    two: Connection, new_execution: Callable[..., Execution]
) -> None:
    executions.add_execution(two, new_execution("2", rerun_of="1"), None)
    again = executions.execution_by_id(two, "2")
    assert again is not None
    assert again.rerun_of == "1"
