"""The worker: slots for executions, and the loop that fills them in order of arrival."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from headrace.control.clock import now
from headrace.control.warm import WarmCalls
from headrace.core.errors import Unavailable
from headrace.core.executions import Execution
from headrace.core.leases import Lease
from headrace.core.outcomes import CANCELLED, Failure, FailureKind
from headrace.core.pipelines import Pipeline
from headrace.engines.port import Engine, NeverBegan
from headrace.running.membership import ABANDONED, Beat, Membership
from headrace.running.runner import Runner
from headrace.signals.port import PENDING, Signals, execution_topic
from headrace.store import claims
from headrace.store.database import Database
from headrace.store.orphans import Orphan

logger = logging.getLogger(__name__)

LOOK_AGAIN_S = 5.0
"""A signal may be lost, so pending executions are looked for now and then all the same."""

STOPPED = Failure(
    FailureKind.WORKER_LOST,
    "The server was stopped while this execution ran.",
)
RECORD_PATIENCE_S = 3.0
"""How long a worker that is told to end tries to record what it stopped, before it leaves that to
the next start."""


@dataclass(slots=True)
class _Run:
    """An execution in a slot.

    Attributes:
        task: What runs it.
        verdict: How it is to end, if it was stopped.
        is_under_way: Whether its task has taken its first step.
        has_begun: Whether its code may have begun.
    """

    task: asyncio.Task[None]
    verdict: Failure | None = None
    is_under_way: bool = False
    has_begun: bool = False


class Worker:
    """Runs executions in a bounded number of slots (:class:`headrace.control.admission.Admission`).

    ``warm_calls`` is set by the assembly: calls that are made without this worker, and stopped by
    it.

    Args:
        slots: How many executions run at once.
        lease: How long it may be silent before other workers take what it runs; None if no other
            can be on this database, because a data directory has one server.
    """

    warm_calls: WarmCalls | None = None

    def __init__(
        self,
        slots: int,
        database: Database,
        signals: Signals,
        runner: Runner,
        *,
        lease: Lease | None = None,
    ) -> None:
        self._membership = Membership(database, lease)
        self._free = slots
        self._database = database
        self._signals = signals
        self._runner = runner
        self._running: dict[str, _Run] = {}
        self._reserved = 0
        self._ended = 0
        self._has_backlog = True
        self._has_held = False
        self._unrecorded = 0
        self._claiming = asyncio.Lock()
        self._none_reserved = asyncio.Event()
        self._is_closed = False
        self._loops: list[asyncio.Task[None]] = []

    @property
    def worker_id(self) -> str:
        """The worker's id: that of one start, or of one lease."""
        return self._membership.worker_id

    async def begin(self) -> None:
        """Take up what dead workers left running, then take work."""
        self._tell(await self._membership.enter())
        self._loops.append(asyncio.create_task(self._take_pending(), name="worker"))
        keeping = self._membership.keep(self._hear, self._begin_anew)
        self._loops.append(asyncio.create_task(keeping, name="lease"))

    def reserve(self) -> bool:
        """Take a slot, if one is free and nobody has waited longer."""
        # Under a lease everything is claimed, because a claim asks whether the lease still holds.
        is_fenced = self._membership.lease is not None
        if is_fenced or self._is_closed or self._has_backlog or self._free == 0:
            # Whoever comes from now on waits behind this one.
            self._has_backlog = True
            self._unrecorded += 1
            return False
        self._free -= 1
        self._reserved += 1
        return True

    def queued(self) -> None:
        """Look for pending executions, now that one more was recorded."""
        self._unrecorded -= 1
        self._signals.notify(PENDING)

    def give_back(self) -> None:
        """Give a reserved slot back."""
        self._unreserve()
        self._free_slot()

    def start(self, execution: Execution, pipeline: Pipeline) -> None:
        """Run an execution in a reserved slot."""
        self._start(execution, pipeline)
        self._unreserve()

    def stop(self, execution_id: str, failure: Failure) -> bool:
        """Stop an execution that runs here, to end with ``failure``; False if it does not."""
        run = self._running.get(execution_id)
        if run is None:
            return self.warm_calls is not None and self.warm_calls.stop(execution_id, failure)
        if run.verdict is None:
            run.verdict = failure
            # A task that is cancelled before its first step would never take it, and record no end.
            if run.is_under_way:
                run.task.cancel()
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
        if self._reserved:
            # Being recorded as running: each has a task in a moment, or never will.
            await self._none_reserved.wait()
        if self._running and grace_s > 0:
            await asyncio.wait(self._tasks(), timeout=grace_s)
        await self._stop_all(STOPPED)
        for loop in self._loops[1:]:
            loop.cancel()
        await self._membership.leave()

    async def _stop_all(self, failure: Failure) -> None:
        for execution_id in list(self._running):
            self.stop(execution_id, failure)
        while self._running:
            await asyncio.wait(self._tasks())

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [run.task for run in self._running.values()]

    async def take_warm(
        self, deployment_id: str, limit: int, engine: Engine, on_end: Callable[[], None]
    ) -> int:
        """Claim executions that wait for pods and run them outside the slots; return how many.

        Args:
            deployment_id: Whose executions.
            limit: How many at most.
            engine: What runs them.
            on_end: Called at the end of each.
        """
        async with self._claiming:
            if self._is_closed:
                return 0
            claimed = await self._membership.claim_warm(deployment_id, limit)
            for execution, pipeline in claimed:
                self.start_warm(execution, pipeline, engine, on_end)
        return len(claimed)

    def start_warm(
        self,
        execution: Execution,
        pipeline: Pipeline,
        engine: Engine,
        on_end: Callable[[], None],
    ) -> None:
        """Run an execution that is recorded as running, outside the slots."""
        self._start(execution, pipeline, engine, on_end)

    def _start(
        self,
        execution: Execution,
        pipeline: Pipeline,
        engine: Engine | None = None,
        on_end: Callable[[], None] | None = None,
    ) -> None:
        running = self._run(execution, pipeline, engine, on_end or self._free_slot)
        task = asyncio.create_task(running, name=execution.id)
        self._running[execution.id] = _Run(task)

    def _unreserve(self) -> None:
        self._reserved -= 1
        if self._is_closed and not self._reserved:
            self._none_reserved.set()

    def _free_slot(self) -> None:
        self._free += 1
        self._ended += 1
        if self._has_backlog or self._has_held:
            self._signals.notify(PENDING)

    async def _run(
        self,
        execution: Execution,
        pipeline: Pipeline,
        engine: Engine | None,
        on_end: Callable[[], None],
    ) -> None:
        run = self._running[execution.id]
        try:
            if not await self._ran(run, execution, pipeline, engine):
                await self._end_stopped(run, execution)
        finally:
            # The next attempt may be under way while this one's files are being removed.
            if self._running.get(execution.id) is run:
                del self._running[execution.id]
            on_end()

    async def _ran(
        self, run: _Run, execution: Execution, pipeline: Pipeline, engine: Engine | None
    ) -> bool:
        """Run an execution to its recorded end; False if it was stopped before."""

        def on_begin() -> None:
            run.has_begun = True

        if run.verdict is not None:
            return False
        run.is_under_way = True
        try:
            await self._runner.run(execution, pipeline, on_begin, engine)
        except asyncio.CancelledError as error:
            run.has_begun = run.has_begun and not isinstance(error, NeverBegan)
            return False
        return True

    async def _end_stopped(self, run: _Run, execution: Execution) -> None:
        verdict = run.verdict or STOPPED
        if verdict is not STOPPED:
            await self._runner.recording.end(execution, None, verdict)
        elif run.has_begun:
            await self._runner.recording.end(execution, None, verdict, patience_s=RECORD_PATIENCE_S)
        else:
            await self._runner.recording.hand_back(execution, patience_s=RECORD_PATIENCE_S)

    def _tell(self, orphans: list[Orphan]) -> None:
        for orphan in orphans:
            logger.warning("execution %s ran on a worker that is gone", orphan.execution_id)
            if orphan.delay is None:
                self._signals.notify(execution_topic(orphan.execution_id))
            else:
                self._runner.recording.say_again(
                    orphan.execution_id, orphan.attempt, orphan.failure, orphan.delay
                )
                self._signals.notify(PENDING)

    def _hear(self, beat: Beat) -> None:
        for execution_id in beat.to_cancel:
            self.stop(execution_id, CANCELLED)
        self._tell(beat.orphans)

    async def _begin_anew(self) -> None:
        """Stop everything: others took this worker for dead, and nothing it runs is its own."""
        logger.error("this worker was taken for dead; it stops what it runs and begins anew")
        # Nothing is claimed meanwhile: it would be under an id that others take from.
        async with self._claiming:
            await self._stop_all(ABANDONED)
            self._tell(await self._membership.enter_anew())

    async def _take_pending(self) -> None:
        with self._signals.listen(PENDING) as signal:
            while not self._is_closed:
                patience = LOOK_AGAIN_S
                try:
                    patience = await self._look()
                except Unavailable as error:
                    logger.error("pending executions cannot be taken: %s", error.message)  # noqa: TRY400
                except Exception:
                    # Whatever it was, what waits must not wait for ever because of it.
                    logger.exception("pending executions cannot be taken")
                await signal.wait(patience)

    async def _look(self) -> float:
        """Start what may start, and return after how many seconds to look again at the latest."""
        all_recorded = self._unrecorded == 0
        ended, at = self._ended, now()
        waiting = await self._database.read(claims.backlog, at)
        self._has_held = waiting.is_held
        if waiting.is_ready:
            self._has_backlog = True
            # With slots left, what is held or not due yet is to be known as well.
            return 0 if await self._fill_slots() and self._free > 0 else LOOK_AGAIN_S
        if all_recorded and self._unrecorded == 0:
            self._has_backlog = False
        if waiting.is_held and self._ended != ended:
            # What it waited for may have ended meanwhile, when nobody was known to wait.
            return 0
        if waiting.next_at is None:
            return LOOK_AGAIN_S
        return min(max((waiting.next_at - at).total_seconds(), 0.001), LOOK_AGAIN_S)

    async def _fill_slots(self) -> int:
        """Claim and start executions until no slot is free or none may start; return how many."""
        started = 0
        async with self._claiming:
            while self._free > 0 and not self._is_closed:
                # The slots are taken before the claim: nobody else may have them meanwhile.
                taken, self._free = self._free, 0
                try:
                    claimed = await self._membership.claim(taken)
                except BaseException:
                    self._free += taken
                    raise
                self._free += taken - len(claimed)
                self._has_backlog = len(claimed) == taken or self._unrecorded > 0
                for execution, pipeline in claimed:
                    self._start(execution, pipeline)
                started += len(claimed)
                if len(claimed) < taken:
                    break
        return started
