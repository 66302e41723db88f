"""The worker: whatever is stopped ends, and whatever may start does so without being looked for."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from sqlalchemy import update
from tests.running.conftest import Marks
from tests.running.parts import Parts, parts

from headrace.control.orders import Order, new_execution
from headrace.core.claims import Claim
from headrace.core.clock import now
from headrace.core.execution_filters import ExecutionFilter
from headrace.core.executions import Execution, Status
from headrace.core.mappings import map_inputs, map_outputs
from headrace.core.names import new_id
from headrace.core.outcomes import CANCELLED
from headrace.core.retries import Retries
from headrace.core.scopes import SERVER
from headrace.core.sources import Rule
from headrace.running import worker as worker_module
from headrace.signals.port import PENDING
from headrace.store import executions as rows
from headrace.store.execution_search import search
from headrace.store.tables import executions

pytestmark = pytest.mark.system


@pytest.fixture(autouse=True)
def _nobody_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not signalled is never found."""
    monkeypatch.setattr(worker_module, "LOOK_AGAIN_S", 3600.0)


async def recorded(server: Parts, name: str, marks: Marks, **fields: object) -> Execution:
    """An execution recorded as the scheduler records one: pending, whatever is free."""
    pipeline = await server.pipeline()
    order = Order(
        pipeline,
        map_inputs(Rule.RUN, pipeline.inputs, ()),
        map_outputs(Rule.RUN, pipeline.outputs, ()),
        {},
        {},
        "user",
    )
    values = {"folder": str(marks.folder), "name": name}
    execution = replace(new_execution(new_id(), order, values, now()), **fields)  # type: ignore[arg-type]
    await server.database.write(rows.add_execution, execution, None)
    server.signals.notify(PENDING)
    return execution


async def test_what_is_cancelled_before_its_first_step_ends(root: Path, marks: Marks) -> None:
    async with parts(root) as server:
        await server.worker.begin()
        execution = await recorded(server, "a", marks, not_before=None, waits=False)
        await marks.begun("a")
        await server.executions.cancel(SERVER, execution.id)
        running = replace(execution, id=new_id(), status=Status.RUNNING, started_at=now())
        assert server.worker.reserve()
        await server.database.write(rows.add_execution, running, server.worker.worker_id)
        server.worker.start(Claim(running, await server.pipeline(), server.worker.worker_id))
        # In the same turn of the event loop: its task has not taken a step yet.
        assert server.worker.stop(running.id, CANCELLED)
        ended = await server.ended(running.id)
    assert ended.failure == CANCELLED
    assert len(marks.pids("a")) == 1


async def test_what_waits_starts_when_a_slot_is_free(root: Path, marks: Marks) -> None:
    """Also if it came in while nobody else waited, and not through the worker."""
    async with parts(root, slots=1) as server:
        await server.worker.begin()
        first = await server.submit("first", marks.folder)
        pid = await marks.begun("first")
        await recorded(server, "second", marks)
        for _ in range(20):
            # Long enough for the worker to have seen it and found no slot.
            await server.database.read(rows.unfinished_ids, "none")
        marks.go("first", pid)
        assert (await server.ended(first)).failure is None
        pid = await marks.begun("second")
        third = await server.submit("third", marks.folder)
        assert not marks.pids("third")
        marks.go("second", pid)
        marks.go("third", await marks.begun("third"))
        assert (await server.ended(third)).failure is None


async def test_what_is_held_starts_when_the_one_before_it_has_ended(
    root: Path, marks: Marks
) -> None:
    async with parts(root, slots=3) as server:
        await server.worker.begin()
        deployment = await server.deployment()
        known = {"deployment_id": deployment.id, "deployment_name": deployment.name}
        await recorded(server, "before", marks, **known)
        pid = await marks.begun("before")
        held = [await recorded(server, f"held{n}", marks, waits=True, **known) for n in range(2)]
        # Others start meanwhile.
        other = await recorded(server, "other", marks)
        marks.go("other", await marks.begun("other"))
        await server.ended(other.id)
        assert not marks.pids("held0")
        marks.go("before", pid)
        for number, execution in enumerate(held):
            pid = await marks.begun(f"held{number}")
            assert not marks.pids("held1") or number == 1
            marks.go(f"held{number}", pid)
            assert (await server.ended(execution.id)).failure is None


async def test_one_that_runs_holds_those_that_seem_older(root: Path, marks: Marks) -> None:
    """Ids follow the clock; it may have been set back between the two."""
    async with parts(root, slots=3) as server:
        await server.worker.begin()
        deployment = await server.deployment()
        known = {"deployment_id": deployment.id, "deployment_name": deployment.name}
        earlier_id = new_id()
        await recorded(server, "running", marks, **known)
        pid = await marks.begun("running")
        held = await recorded(server, "held", marks, id=earlier_id, waits=True, **known)
        other = await recorded(server, "other", marks)
        marks.go("other", await marks.begun("other"))
        await server.ended(other.id)
        assert not marks.pids("held")
        marks.go("running", pid)
        marks.go("held", await marks.begun("held"))
        assert (await server.ended(held.id)).failure is None


async def test_a_row_that_cannot_be_read_holds_up_nobody(root: Path, marks: Marks) -> None:
    async with parts(root) as server:
        broken, sound = [await recorded(server, name, marks) for name in ("broken", "sound")]

        def break_it(connection: object) -> None:
            connection.execute(  # type: ignore[attr-defined]
                update(executions).where(executions.c.id == broken.id).values(inputs='[["a"]]')
            )

        await server.database.write(break_it)
        await server.worker.begin()
        marks.go("sound", await marks.begun("sound"))
        assert (await server.ended(sound.id)).failure is None
        wanted = ExecutionFilter(statuses=(Status.ERROR,))
        (found,) = (await server.database.read(search, wanted, limit=1)).executions
    assert found.id == broken.id
    assert found.failure is not None
    assert "cannot be read" in found.failure.message


async def test_attempts_follow_each_other_until_one_succeeds(root: Path, marks: Marks) -> None:
    async with parts(root) as server:
        await server.worker.begin()
        deployment = await server.deployment(retries=Retries(2, 0.01))
        execution_id = await server.submit("often", marks.folder, deployment=deployment)
        for attempt in (1, 2):
            marks.go("often", await marks.begun("often", attempt), "fail")
        pid = await marks.begun("often", 3)
        marks.go("often", pid)
        execution = await server.ended(execution_id)
    assert (execution.status, execution.attempt) == (Status.SUCCEEDED, 3)
    assert [attempt.number for attempt in execution.attempts] == [1, 2]
    assert all("told to fail" in attempt.failure.message for attempt in execution.attempts)
    assert execution.outputs[0].value == pid
    log = (root / "logs" / "executions" / execution_id[-2:] / f"{execution_id}.log").read_text()
    assert "Attempt 1 failed: ValueError: often was told to fail" in log
    assert "The next one starts in 0.02 s." in log


async def test_what_is_to_be_cancelled_is_not_attempted_again(root: Path, marks: Marks) -> None:
    """Somebody asked another server to cancel it, and it fails before that is noticed."""
    async with parts(root) as server:
        await server.worker.begin()
        deployment = await server.deployment(retries=Retries(3, 0.01))
        execution_id = await server.submit("often", marks.folder, deployment=deployment)
        pid = await marks.begun("often")

        def ask(connection: object) -> None:
            connection.execute(  # type: ignore[attr-defined]
                update(executions)
                .where(executions.c.id == execution_id)
                .values(cancel_requested_at=1)
            )

        await server.database.write(ask)
        marks.go("often", pid, "fail")
        execution = await server.ended(execution_id)
    assert execution.failure == CANCELLED
    assert execution.attempt == 1


async def test_a_worker_that_ends_hands_back_what_has_not_begun(root: Path, marks: Marks) -> None:
    """It was claimed, and its environment was being made."""
    async with parts(root, slots=2) as server:
        await server.worker.begin()
        running = await server.submit("running", marks.folder)
        pid = await marks.begun("running")
        pipeline = await server.pipeline()
        environment = root / "environments" / str(pipeline.version.environment)
        # Another process builds it, as far as this one can tell.
        moved = environment.rename(environment.with_name("moved"))
        lock = await hold(root / "environments" / f"{pipeline.version.environment}.lock")
        waiting = await server.submit("waiting", marks.folder)
        await marks_said(server, waiting, "building it again")
    try:
        assert not psutil.pid_exists(pid)
        async with parts(root) as server:
            first = await server.executions.get(SERVER, running)
            assert first.failure is not None
            assert "server was stopped" in first.failure.message
            second = await server.executions.get(SERVER, waiting)
            assert (second.status, second.attempt, second.started_at) == (Status.PENDING, 1, None)
            lock.kill()
            await lock.wait()
            moved.rename(environment)
            await server.worker.begin()
            marks.go("waiting", await marks.begun("waiting"))
            assert (await server.ended(waiting)).attempt == 1
    finally:
        if lock.returncode is None:
            lock.kill()
            await lock.wait()


async def hold(lock: Path) -> asyncio.subprocess.Process:
    """A process that holds a lock on a file."""
    code = "import fcntl, sys; f = open(sys.argv[1], 'ab'); fcntl.flock(f, 2); print(1, flush=True)"
    process = await asyncio.create_subprocess_exec(
        "python3",
        "-c",
        f"{code}; sys.stdin.read()",
        lock,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    await process.stdout.readline()
    return process


async def marks_said(server: Parts, execution_id: str, text: str) -> None:
    """Wait until an execution's log says something."""
    log = server.logs.of_execution(execution_id)
    async with asyncio.timeout(30):
        while not log.exists() or text not in log.read_text():
            await asyncio.sleep(0.01)
