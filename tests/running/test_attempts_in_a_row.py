"""An attempt that begins while what the one before has left is still being removed."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from tests.running.conftest import Marks
from tests.running.parts import parts

from headrace.core.executions import Status
from headrace.core.outcomes import CANCELLED
from headrace.core.retries import Retries
from headrace.core.scopes import SERVER

pytestmark = pytest.mark.system


def litter(folder: Path) -> None:
    """Leave so much that removing it takes longer than starting the next attempt."""
    folder.mkdir(parents=True)
    for number in range(20_000):
        (folder / str(number)).touch()


async def test_it_can_be_stopped_and_all_slots_are_free_afterwards(
    root: Path, marks: Marks
) -> None:
    async with parts(root, slots=2) as server:
        await server.worker.begin()
        deployment = await server.deployment(retries=Retries(1, 0.0))
        execution_id = await server.submit("a", marks.folder, deployment=deployment)
        first = await marks.begun("a")
        workspace = root / "run" / "one" / "workspaces" / execution_id
        await asyncio.to_thread(litter, workspace / "litter")
        marks.go("a", first, "fail")
        second = await marks.begun("a", 2)
        while await asyncio.to_thread(workspace.exists):
            await asyncio.sleep(0.01)
        await server.executions.cancel(SERVER, execution_id)
        ended = await server.ended(execution_id)
        assert (ended.status, ended.attempt, ended.failure) == (Status.FAILED, 2, CANCELLED)
        assert second != first

        for name in ("b", "c"):
            await server.submit(name, marks.folder)
        for name in ("b", "c"):
            await marks.begun(name)
