"""The loop that sends logs of what has ended; retention reaches the bucket."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.running.parts import Parts, parts

from headrace.control.bucket_logs import BucketLogs
from headrace.core.clock import now
from headrace.core.errors import Unavailable
from headrace.core.executions import Execution, Status
from headrace.core.names import new_id
from headrace.keeping.file_collection import FileCollection
from headrace.keeping.log_copies import LogCopies
from headrace.logs.files import append_line
from headrace.objects.filesystem import FilesystemStore
from headrace.objects.walking import every_object
from headrace.server.health import SILENT_S, copies_go_on
from headrace.signals.loop import Loop
from headrace.store import executions as rows


class Ground:
    def __init__(self, server: Parts, bucket: FilesystemStore) -> None:
        self.server = server
        self.bucket = bucket
        directory = server.directory
        self.logs = BucketLogs(directory.logs, directory.log_copies, bucket)
        self.loop = LogCopies(server.database, self.logs, 1 << 30)

    async def add(self, status: Status) -> str:
        """Add an execution with a log to which nothing was written for a while; return its id."""
        pipeline = await self.server.pipeline()
        at = now()
        execution = Execution(
            id=new_id(),
            pipeline_id=pipeline.id,
            pipeline_name=pipeline.name,
            deployment_name=None,
            status=status,
            created_at=at,
            created_by="user",
            started_at=None if status is Status.PENDING else at,
            ended_at=at if status.is_terminal else None,
        )
        await self.server.database.write(rows.add_all, [execution], "worker")
        self.write(execution.id)
        return execution.id

    def write(self, owner: str, age_s: float = 60.0) -> None:
        path = self.logs.of_execution(owner)
        append_line(path, "a line")
        then = time.time() - age_s
        os.utime(path, (then, then))

    async def in_bucket(self) -> set[str]:
        return {Path(info.path).stem async for info in every_object(self.bucket)}


@pytest.fixture
async def ground(root: Path) -> AsyncIterator[Ground]:
    async with parts(root) as server:
        bucket = FilesystemStore(server.directory.root / "bucket")
        yield Ground(server, bucket)
        await bucket.close()


async def test_logs_of_what_has_ended_are_sent(ground: Ground) -> None:
    ended = {await ground.add(Status.SUCCEEDED) for _ in range(10)}
    await ground.add(Status.RUNNING)
    await ground.add(Status.PENDING)
    ground.write(new_id())
    assert await ground.loop.send_ended() == len(ended)
    assert await ground.in_bucket() == ended
    assert await ground.loop.send_ended() == 0


async def test_a_log_that_is_being_written_is_left_alone(ground: Ground) -> None:
    ended = await ground.add(Status.SUCCEEDED)
    ground.write(ended, age_s=0.0)
    assert await ground.loop.send_ended() == 0
    ground.write(ended)
    assert await ground.loop.send_ended() == 1


async def test_the_log_of_a_build_is_sent_when_it_has_ended(ground: Ground) -> None:
    pipeline = await ground.server.pipeline()
    path = ground.logs.of_build(pipeline.build_id)
    append_line(path, "built")
    os.utime(path, (1.0, 1.0))
    assert await ground.loop.send_ended() == 1
    assert await ground.in_bucket() == {pipeline.build_id}


async def test_what_belongs_to_nothing_goes_from_the_bucket(ground: Ground) -> None:
    ended = await ground.add(Status.SUCCEEDED)
    await ground.loop.send_ended()
    orphan = ground.logs.of_execution(new_id())
    append_line(orphan, "of nothing")
    await ground.logs.send_all()
    orphan.unlink()
    server = ground.server
    files = FileCollection(
        server.database, server.executions, ground.logs, server.artifacts, limit_bytes=None
    )
    await files.collect(now())
    assert await ground.in_bucket() == {ended, orphan.stem}
    await files.collect(now() + timedelta(days=2))
    assert await ground.in_bucket() == {ended}


def test_what_does_not_get_into_the_bucket_is_said() -> None:
    def late(seconds: float) -> Loop:
        return cast("Any", SimpleNamespace(late_s=seconds))

    assert copies_go_on(late(0.0), late(SILENT_S))
    with pytest.raises(Unavailable, match="For 61 seconds, logs of what ended or folders"):
        copies_go_on(late(0.0), late(SILENT_S + 1))
