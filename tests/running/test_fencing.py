"""A worker that was only asleep: others took what it ran, and it can change nothing of that."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from sqlalchemy import Connection, update
from tests.records import is_written_to
from tests.running.conftest import Marks
from tests.running.parts import Parts, parts

from headrace.core.destinations import DataStorePath
from headrace.core.executions import Execution, Status
from headrace.core.outcomes import FailureKind
from headrace.core.retries import Retries
from headrace.core.scopes import SERVER
from headrace.running import worker as worker_module
from headrace.signals import waiting as waiting_module
from headrace.signals.port import execution_topic
from headrace.store.tables import executions

pytestmark = pytest.mark.system

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (worker_module, waiting_module):
        monkeypatch.setattr(module, "LOOK_AGAIN_S", 0.1)


@asynccontextmanager
async def sleeper(root: Path) -> AsyncIterator[psutil.Process]:
    """A worker in a process of its own, which is asked to end."""
    with (root.parent / "sleeper.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.running.worker_process",
            root,
            "sleeper",
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])},
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
    assert process.stdout is not None
    worker_id = (await process.stdout.readline()).decode().strip()
    assert worker_id, (root.parent / "sleeper.log").read_text()
    try:
        yield psutil.Process(process.pid)
    finally:
        with contextlib.suppress(ProcessLookupError):
            for number in (signal.SIGCONT, signal.SIGTERM):
                process.send_signal(number)
        status = await process.wait()
        assert status == 0, (root.parent / "sleeper.log").read_text()


async def until(look: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not look():
            await asyncio.sleep(0.02)


def put_to_sleep(process: psutil.Process, records: Path) -> None:
    """Stop a worker between its writes: within one, it would keep all others from writing."""
    process.suspend()
    while is_written_to(records):
        process.resume()
        process.suspend()


async def running(server: Parts, execution_id: str) -> Execution:
    execution = await server.executions.get(SERVER, execution_id)
    assert execution.status is Status.RUNNING
    return execution


async def test_a_worker_that_was_only_asleep_changes_nothing(root: Path, marks: Marks) -> None:
    async with parts(root, name="successor", slots=3) as successor:
        async with sleeper(root) as process:
            deployment = await successor.deployment(retries=Retries(1, 0.0))
            to_store = [("file", DataStorePath("result.txt"))]
            again = [
                await successor.submit(name, marks.folder, deployment=deployment, outputs=to_store)
                for name in ("late", "longer")
            ]
            once = await successor.submit("once", marks.folder)
            old = {name: await marks.begun(name) for name in ("late", "longer", "once")}
            await asyncio.to_thread(put_to_sleep, process, root / "headrace.db")

            # The next worker takes what it ran; what asks for no other attempt ends.
            await successor.worker.begin()
            abandoned = await successor.ended(once)
            assert abandoned.failure is not None
            assert (abandoned.status, abandoned.attempt) == (Status.ERROR, 1)
            new = {name: await marks.begun(name, 2) for name in ("late", "longer")}

            # Its code went on meanwhile: when it wakes up, it finds two results that it may not
            # write, and it stops the third call when it is asked to end.
            for name in ("late", "once"):
                marks.go(name, old[name])
            process.resume()
            done = old["late"], old["once"]
            await until(lambda: not any(psutil.pid_exists(pid) for pid in done))
        assert not any(psutil.pid_exists(pid) for pid in old.values())
        assert await successor.executions.get(SERVER, once) == abandoned
        for execution_id in again:
            execution = await running(successor, execution_id)
            assert execution.attempt == 2
            assert [attempt.number for attempt in execution.attempts] == [1]
            assert execution.attempts[0].failure.kind is FailureKind.WORKER_LOST
        assert await successor.data_store.info("result.txt") is None

        # The new attempts end as their own code says.
        for execution_id, (name, pid) in zip(again, new.items(), strict=True):
            marks.go(name, pid)
            ended = await successor.ended(execution_id)
            assert (ended.status, ended.outputs[0].value) == (Status.SUCCEEDED, pid)


@pytest.mark.parametrize("columns", [{"worker_id": "another"}, {"attempt": 2}], ids=str)
async def test_what_another_has_taken_over_is_not_written(
    root: Path, marks: Marks, columns: dict[str, object]
) -> None:
    async with parts(root) as server:
        await server.worker.begin()
        to_store = [("file", DataStorePath("result.txt"))]
        execution_id = await server.submit("late", marks.folder, outputs=to_store)
        pid = await marks.begun("late")
        await server.data_store.put("result.txt", the_other_one())

        def take_over(connection: Connection) -> None:
            taken = update(executions).where(executions.c.id == execution_id).values(columns)
            connection.execute(taken)

        await server.database.write(take_over)
        before = await running(server, execution_id)
        marks.go("late", pid)
        with server.signals.listen(execution_topic(execution_id)) as signal:
            assert await signal.wait(30)
        assert await server.executions.get(SERVER, execution_id) == before
        chunks = [chunk async for chunk in await server.data_store.open("result.txt")]
    assert b"".join(chunks) == b"of the other one"


async def the_other_one() -> AsyncIterator[bytes]:
    yield b"of the other one"
