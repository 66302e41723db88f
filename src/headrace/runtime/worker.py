"""The worker: slots for executions, and the loop that fills them in order of arrival."""

from __future__ import annotations

import asyncio
import logging

from sqlalchemy import Connection

from headrace.control.clock import now
from headrace.core.errors import Unavailable
from headrace.core.executions import Execution
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.pipelines import Pipeline
from headrace.runtime.runner import Runner
from headrace.signals.port import PENDING, Signals, execution_topic
from headrace.store import executions as rows
from headrace.store import pipelines as pipeline_rows
from headrace.store.database import Database

logger = logging.getLogger(__name__)

LOOK_AGAIN_S = 5.0
"""A signal may be lost, so pending executions are looked for now and then all the same."""

STOPPED = Failure(
    FailureKind.WORKER_LOST,
    "The server was stopped while this execution ran.",
)
ABANDONED = Failure(
    FailureKind.WORKER_LOST,
    "The server stopped unexpectedly while this execution ran. It was not started again, because "
    "its code may have had effects; run it again if that is safe.",
)


class Worker:
    """Runs executions in a bounded number of slots (:class:`headrace.control.admission.Admission`).

    Args:
        worker_id: Id of this incarnation of the server.
        slots: How many executions run at once.
    """

    def __init__(
        self, worker_id: str, slots: int, database: Database, signals: Signals, runner: Runner
    ) -> None:
        self._worker_id = worker_id
        self._free = slots
        self._database = database
        self._signals = signals
        self._runner = runner
        self._running: dict[str, asyncio.Task[None]] = {}
        self._verdicts: dict[str, Failure] = {}
        self._has_backlog = True
        self._unrecorded = 0
        self._is_closed = False
        self._loop: asyncio.Task[None] | None = None

    @property
    def worker_id(self) -> str:
        """The worker's id."""
        return self._worker_id

    @property
    def running(self) -> int:
        """How many executions run now."""
        return len(self._running)

    async def begin(self) -> None:
        """End what an earlier server left running, then take work."""
        ended = await self._database.write(rows.end_abandoned, self._worker_id, ABANDONED, now())
        for execution_id in ended:
            logger.warning("execution %s was running when the server stopped: Error", execution_id)
            self._signals.notify(execution_topic(execution_id))
        self._loop = asyncio.create_task(self._take_pending(), name="worker")

    def reserve(self) -> bool:
        """Take a slot, if one is free and nobody has waited longer."""
        if self._is_closed or self._has_backlog or self._free == 0:
            # Whoever comes from now on waits behind this one.
            self._has_backlog = True
            self._unrecorded += 1
            return False
        self._free -= 1
        return True

    def queued(self) -> None:
        """Look for pending executions, now that one more was recorded."""
        self._unrecorded -= 1
        self._signals.notify(PENDING)

    def give_back(self) -> None:
        """Give a reserved slot back."""
        self._free += 1
        if self._has_backlog:
            self._signals.notify(PENDING)

    def start(self, execution: Execution, pipeline: Pipeline) -> None:
        """Run an execution in a reserved slot."""
        task = asyncio.create_task(self._run(execution, pipeline), name=execution.id)
        self._running[execution.id] = task

    def stop(self, execution_id: str, failure: Failure) -> bool:
        """Stop an execution that runs here, to end with ``failure``; False if it does not."""
        task = self._running.get(execution_id)
        if task is None:
            return False
        if execution_id not in self._verdicts:
            self._verdicts[execution_id] = failure
            task.cancel()
        return True

    async def close(self, grace_s: float) -> None:
        """Take no more work, give what runs ``grace_s`` to end, then stop it."""
        self._is_closed = True
        self._signals.notify(PENDING)
        if self._loop is not None:
            # Not cancelled: what it has claimed must have a task that ends it.
            await self._loop
        if self._running and grace_s > 0:
            await asyncio.wait(self._running.values(), timeout=grace_s)
        for execution_id in list(self._running):
            self.stop(execution_id, STOPPED)
        while self._running:
            await asyncio.wait(list(self._running.values()))

    async def _run(self, execution: Execution, pipeline: Pipeline) -> None:
        try:
            await self._runner.run(execution, pipeline)
        except asyncio.CancelledError:
            verdict = self._verdicts.get(execution.id, STOPPED)
            await self._runner.record_end(execution.id, None, verdict)
        finally:
            self._running.pop(execution.id, None)
            self._verdicts.pop(execution.id, None)
            self.give_back()

    async def _take_pending(self) -> None:
        with self._signals.listen(PENDING) as signal:
            while not self._is_closed:
                try:
                    all_recorded = self._unrecorded == 0
                    if await self._database.read(rows.has_pending):
                        await self._fill_slots()
                    elif all_recorded and self._unrecorded == 0:
                        self._has_backlog = False
                except Unavailable as error:
                    logger.error("pending executions cannot be taken: %s", error.message)  # noqa: TRY400
                await signal.wait(LOOK_AGAIN_S)

    async def _fill_slots(self) -> None:
        while self._free > 0 and not self._is_closed:
            # The slots are taken before the claim: nobody else may have them meanwhile.
            taken, self._free = self._free, 0
            try:
                claimed = await self._database.write(_claim, self._worker_id, taken)
            except Unavailable:
                self._free += taken
                raise
            self._free += taken - len(claimed)
            self._has_backlog = len(claimed) == taken or self._unrecorded > 0
            for execution, pipeline in claimed:
                self.start(execution, pipeline)
            if len(claimed) < taken:
                return


def _claim(connection: Connection, worker_id: str, limit: int) -> list[tuple[Execution, Pipeline]]:
    claimed = rows.claim_pending(connection, worker_id, limit=limit, at=now())
    known: dict[str, Pipeline | None] = {
        pipeline_id: pipeline_rows.pipeline_by_id(connection, pipeline_id)
        for pipeline_id in {execution.pipeline_id for execution in claimed}
    }
    # A row cannot outlive its pipeline (foreign key), so every claimed one has it.
    return [
        (execution, pipeline)
        for execution in claimed
        if (pipeline := known[execution.pipeline_id]) is not None
    ]
