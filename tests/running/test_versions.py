"""What waits runs the version that it was accepted with, although another one became current."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, update
from tests.running.conftest import Marks
from tests.running.parts import parts

from headrace.core.executions import Status
from headrace.core.names import new_id
from headrace.core.pipelines import Pipeline
from headrace.core.scopes import SERVER
from headrace.store import pipelines as rows
from headrace.store.tables import pipelines

pytestmark = pytest.mark.system


def add_current(connection: Connection, pipeline: Pipeline, **changes: Any) -> None:
    """Add a version of a pipeline, and make it the one that whoever names the pipeline gets."""
    number = pipeline.version.number + 1
    version = replace(pipeline.version, id=new_id(), number=number, **changes)
    rows.add_version(connection, pipeline.id, version)
    connection.execute(
        update(pipelines).where(pipelines.c.id == pipeline.id).values(current_version=number)
    )


async def test_an_execution_runs_the_version_that_it_was_accepted_with(
    root: Path, marks: Marks
) -> None:
    async with parts(root) as server:
        before = await server.executions.get(SERVER, await server.submit("before", marks.folder))
        assert (before.status, before.pipeline_version) == (Status.PENDING, 1)
        pipeline = await server.pipeline()
        await server.database.write(partial(add_current, function_name="is_not_there"), pipeline)
        after = await server.submit("after", marks.folder)

        await server.worker.begin()
        marks.go("before", await marks.begun("before"))
        assert (await server.ended(before.id)).failure is None
        failed = await server.ended(after)
        assert failed.pipeline_version == 2
        assert failed.failure is not None
        assert "is_not_there" in failed.failure.message
        # Its record is of its version as well, whichever is current.
        first = await server.database.read(rows.pipeline_of, before)
        assert first == pipeline
