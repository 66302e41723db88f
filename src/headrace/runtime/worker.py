"""The worker: slots for executions, and the loop that fills them in order of arrival."""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime

from sqlalchemy import Connection

from headrace.control.clock import now
from headrace.control.executions import CANCELLED
from headrace.core.errors import Unavailable
from headrace.core.executions import Execution
from headrace.core.leases import Lease
from headrace.core.names import new_id
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.pipelines import Pipeline
from headrace.runtime.runner import Runner
from headrace.signals.port import PENDING, Signals, execution_topic
from headrace.store import claims
from headrace.store import pipelines as pipeline_rows
from headrace.store import workers as worker_rows
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
        slots: How many executions run at once.
        lease: How long it may be silent before other workers take what it runs; None if no other
            can be on this database, because a data directory has one server.
    """

    def __init__(
        self,
        slots: int,
        database: Database,
        signals: Signals,
        runner: Runner,
        *,
        lease: Lease | None = None,
    ) -> None:
        self._worker_id = new_id()
        self._free = slots
        self._database = database
        self._signals = signals
        self._runner = runner
        self._lease = lease
        self._running: dict[str, asyncio.Task[None]] = {}
        self._verdicts: dict[str, Failure] = {}
        self._begun: set[str] = set()
        self._has_backlog = True
        self._has_held = False
        self._unrecorded = 0
        self._is_closed = False
        self._loops: list[asyncio.Task[None]] = []

    @property
    def worker_id(self) -> str:
        """The worker's id: that of one start, or of one lease."""
        return self._worker_id

    @property
    def running(self) -> int:
        """How many executions run now."""
        return len(self._running)

    async def begin(self) -> None:
        """Take up what dead workers left running, then take work."""
        await self._enter()
        self._loops.append(asyncio.create_task(self._take_pending(), name="worker"))
        if self._lease is not None:
            self._loops.append(asyncio.create_task(self._keep_lease(self._lease), name="lease"))

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
        if self._has_backlog or self._has_held:
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
        """Take no more work, give what runs ``grace_s`` to end, then stop it.

        What has not begun by then is handed back, and starts with the next server.
        """
        self._is_closed = True
        self._signals.notify(PENDING)
        for loop in self._loops[:1]:
            # Not cancelled: what it has claimed must have a task that ends it.
            await loop
        if self._running and grace_s > 0:
            await asyncio.wait(self._running.values(), timeout=grace_s)
        await self._stop_all(STOPPED)
        for loop in self._loops[1:]:
            loop.cancel()
        await self._database.write(worker_rows.remove_worker, self._worker_id)

    async def _stop_all(self, failure: Failure) -> None:
        for execution_id in list(self._running):
            self.stop(execution_id, failure)
        while self._running:
            await asyncio.wait(list(self._running.values()))

    async def _run(self, execution: Execution, pipeline: Pipeline) -> None:
        try:
            await self._runner.run(execution, pipeline, self._begun.add)
        except asyncio.CancelledError:
            verdict = self._verdicts.get(execution.id, STOPPED)
            if verdict is STOPPED and execution.id not in self._begun:
                await self._runner.hand_back(execution)
            else:
                await self._runner.record_end(execution, None, verdict)
        finally:
            self._running.pop(execution.id, None)
            self._verdicts.pop(execution.id, None)
            self._begun.discard(execution.id)
            self.give_back()

    async def _enter(self) -> None:
        """Take a place among the workers, and what the dead ones left."""
        lost = await self._database.write(_enter, self._worker_id, self._lease, now())
        self._tell(lost)

    def _tell(self, lost: list[str]) -> None:
        for execution_id in lost:
            logger.warning("execution %s was running on a worker that is gone", execution_id)
            self._signals.notify(execution_topic(execution_id))
        if lost:
            self._signals.notify(PENDING)

    async def _keep_lease(self, lease: Lease) -> None:
        """Renew the lease, see to requests of other servers, and take from dead workers."""
        while True:
            await asyncio.sleep(lease.renewed_every_s)
            try:
                beat = await self._database.write(_beat, self._worker_id, lease, now())
            except Unavailable as error:
                logger.error("the lease is not renewed: %s", error.message)  # noqa: TRY400
                continue
            if beat is None:
                await self._begin_anew()
                continue
            to_cancel, lost = beat
            for execution_id in to_cancel:
                self.stop(execution_id, CANCELLED)
            self._tell(lost)

    async def _begin_anew(self) -> None:
        """Stop everything: others took this worker for dead, and nothing it runs is its own."""
        logger.error("this worker was taken for dead; it stops what it runs and begins anew")
        await self._stop_all(ABANDONED)
        self._worker_id = new_id()
        while True:
            try:
                await self._enter()
            except Unavailable as error:
                logger.error("no place among the workers yet: %s", error.message)  # noqa: TRY400
                await asyncio.sleep(LOOK_AGAIN_S)
            else:
                return

    async def _take_pending(self) -> None:
        with self._signals.listen(PENDING) as signal:
            while not self._is_closed:
                patience = LOOK_AGAIN_S
                try:
                    all_recorded = self._unrecorded == 0
                    at = now()
                    waiting = await self._database.read(claims.backlog, at)
                    self._has_held = waiting.is_held
                    if waiting.is_ready:
                        await self._fill_slots()
                    elif all_recorded and self._unrecorded == 0:
                        self._has_backlog = False
                    if waiting.next_at is not None:
                        left = (waiting.next_at - at).total_seconds()
                        patience = min(max(left, 0.001), LOOK_AGAIN_S)
                except Unavailable as error:
                    logger.error("pending executions cannot be taken: %s", error.message)  # noqa: TRY400
                await signal.wait(patience)

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


def _enter(connection: Connection, worker_id: str, lease: Lease | None, at: datetime) -> list[str]:
    if lease is None:
        worker_rows.remove_others(connection, worker_id)
    else:
        worker_rows.remove_expired(connection, at)
    expires_at = (lease or Lease()).end_after(at)
    worker_rows.add_worker(connection, worker_id, started_at=at, expires_at=expires_at)
    return claims.take_from_dead(connection, ABANDONED, at)


def _beat(
    connection: Connection, worker_id: str, lease: Lease, at: datetime
) -> tuple[list[str], list[str]] | None:
    """Renew a lease; return what is to be cancelled, and what dead workers left; None if lost."""
    if not worker_rows.renew_lease(connection, worker_id, lease.end_after(at)):
        return None
    worker_rows.remove_expired(connection, at)
    lost = claims.take_from_dead(connection, ABANDONED, at)
    return claims.cancel_requests(connection, worker_id), lost


def _claim(connection: Connection, worker_id: str, limit: int) -> list[tuple[Execution, Pipeline]]:
    claimed = claims.claim_pending(connection, worker_id, limit=limit, at=now())
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
