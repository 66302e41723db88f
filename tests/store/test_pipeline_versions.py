"""An execution keeps the version that it was accepted with, whichever becomes the current one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection
from tests.store.conftest import AT, PIPELINE

from headrace.control.transactions.versions import end_build, roll_back
from headrace.core.attachments import Attachment
from headrace.core.deployments import Deployment, Mode
from headrace.core.errors import Conflict
from headrace.core.executions import Execution
from headrace.core.low_latency import LowLatency
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.pipelines import Calling, Pipeline, PipelineStatus
from headrace.core.sources import Rule
from headrace.store import deployments, executions, listings, pipelines, versions
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
    assert versions.digests_in_use(two, AT) == (
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
    assert versions.digests_in_use(two, AT)[1] == {"environment-3"}


def test_versions_go_with_their_pipeline(two: Connection) -> None:
    pipelines.remove_pipeline(two, PIPELINE.id)
    assert versions.digests_in_use(two, AT) == (set(), set())


def test_a_pinned_deployment_has_its_version_and_others_the_current_one(two: Connection) -> None:
    for name, pinned in (("follows", None), ("pinned", 2)):
        deployment = endpoint_of(PIPELINE, name, pinned_version=pinned)
        deployments.add_deployment(two, deployment, b"sealed")
    found = {one.name: one.pipeline.version.number for one in listings.all_deployments(two)}
    assert found == {"follows": 1, "pinned": 2}
    make_current(two, 2)
    found = {one.name: one.pipeline.version.number for one in listings.all_deployments(two)}
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


def number_of(connection: Connection) -> dict[int, bool]:
    """Return of each version of the pipeline whether it can run."""
    found = versions.list_versions(connection, PIPELINE.id, limit=100)
    return {one.version.number: one.version.can_run for one in reversed(found)}


@pytest.fixture
def six(connection: Connection) -> Connection:
    """A database with six versions: five are ready, the third one failed; the sixth is current."""
    for number in range(2, 7):
        version = replace(PIPELINE.version, id=f"v{number}", number=number, bundle=f"b{number}")
        if number == 3:
            version = replace(version, status=PipelineStatus.FAILED, environment=None)
        pipelines.add_version(connection, PIPELINE.id, version)
    make_current(connection, 6)
    return connection


def test_the_newest_versions_are_kept(six: Connection) -> None:
    assert versions.discard_versions(six, 2, set(), AT) == 3
    assert number_of(six) == {1: False, 2: False, 3: False, 4: False, 5: True, 6: True}
    assert versions.discard_versions(six, 2, set(), AT) == 0
    # Their files are needed for another hour.
    assert "b2" in versions.digests_in_use(six, AT + timedelta(minutes=59))[0]
    later = AT + timedelta(minutes=61)
    assert versions.digests_in_use(six, later)[0] == {"b3", "b5", "b6"}


def test_whatever_is_used_is_kept(six: Connection, new_execution: Callable[..., Execution]) -> None:
    make_current(six, 1)
    deployments.add_deployment(six, endpoint_of(PIPELINE, "d", pinned_version=2), b"sealed")
    executions.add_execution(six, new_execution("e", pipeline_version=5), None)
    assert versions.discard_versions(six, 1, {"v4"}, AT) == 0
    executions.end_pending(six, "e", Failure(FailureKind.CANCELLED, "why"), AT)
    assert versions.discard_versions(six, 1, {"v4"}, AT) == 1
    assert number_of(six) == {1: True, 2: True, 3: False, 4: True, 5: False, 6: True}
    # A rerun that has chosen it meanwhile can still be made.
    executions.add_execution(six, new_execution("f", pipeline_version=5), None)
    assert "b5" in versions.digests_in_use(six, AT + timedelta(days=1))[0]


def test_a_version_that_was_let_go_is_nothing_to_go_back_to(six: Connection) -> None:
    assert versions.number_before(six, PIPELINE.id, 6) == 5
    versions.discard_versions(six, 1, set(), AT)
    assert versions.number_before(six, PIPELINE.id, 6) is None
    with pytest.raises(Conflict, match=r"kept no longer.* 2024-05-06.*deploy its code again"):
        roll_back(six, PIPELINE.name, 5, AT, "w", is_forced=False)


def test_a_deployment_made_during_a_build_is_not_given_an_image_that_it_cannot_have(
    connection: Connection,
) -> None:
    image = replace(SECOND.config, language=None, dockerfile_path="Dockerfile")
    coming = replace(PIPELINE, version=replace(SECOND, config=image, held_back=None))
    pipelines.add_version(connection, PIPELINE.id, coming.version)
    low_latency = endpoint_of(PIPELINE, "d", low_latency=LowLatency())
    deployments.add_deployment(connection, low_latency, b"sealed")
    ended = end_build(
        connection, coming, environment="image", failure=None, at=AT, worker_id="worker"
    )
    assert ended.is_recorded
    assert not ended.has_moved
    assert "'low_latency' of deployment 'd' is not for" in str(ended.held_back)
    present = pipelines.pipeline_by_name(connection, PIPELINE.name)
    assert present is not None
    assert present.version.number == 1
    (newest, *_) = versions.list_versions(connection, PIPELINE.id, limit=1)
    assert newest.version.held_back == ended.held_back
