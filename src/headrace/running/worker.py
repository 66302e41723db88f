"""The worker: slots for executions, and the loop that fills them in order of arrival."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from headrace.control.intake import Intake
from headrace.control.transactions import workers as records
from headrace.core.claims import Claim, Imported
from headrace.core.clock import now
from headrace.core.errors import Unavailable
from headrace.core.names import new_id
from headrace.core.outcomes import Failure
from headrace.engines.port import Engine
from headrace.running.runner import Runner
from headrace.running.tasks import STOPPED, AttemptTasks
from headrace.signals.loop import Loop
from headrace.signals.port import PENDING, Signals, execution_topic
from headrace.store import claims
from headrace.store import workers as rows
from headrace.store.database import Database
from headrace.store.orphans import Orphan

logger = logging.getLogger(__name__)

LOOK_AGAIN_S = 5.0
"""A signal may be lost, so pending executions are looked for now and then all the same."""


class Worker:
    """Runs executions in a bounded number of slots (:class:`headrace.control.admission.Admission`).

    Attributes:
        worker_id: The worker's id, which is that of one start.
        loop: Looks for pending executions.
    """

    def __init__(
        self, slots: int, database: Database, signals: Signals, runner: Runner, intake: Intake
    ) -> None:
        self.worker_id = new_id()
        self._free = slots
        self._database = database
        self._signals = signals
        self._intake = intake
        self._recording = runner.recording
        self._tasks = AttemptTasks(runner)
        self._reserved = 0
        self._ended = 0
        self._has_backlog = True
        self._has_held = False
        self._unrecorded = 0
        self._claiming = asyncio.Lock()
        self._none_reserved = asyncio.Event()
        self._is_closed = False
        self._listening = contextlib.ExitStack()
        self.loop = Loop(
            "worker",
            self._look,
            complaint="pending executions cannot be taken",
            wait=self._listening.enter_context(signals.listen(PENDING)).wait,
        )

    async def begin(self) -> None:
        """Take up what dead workers left running, then take work."""
        self.tell_of(await self._database.write(records.enter, self.worker_id, now()))
        await self.loop.begin()

    def reserve(self) -> bool:
        """Take a slot, if one is free and nobody has waited longer."""
        if not self._takes_work or self._has_backlog or self._free == 0:
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

    def start(self, claim: Claim) -> None:
        """Run an execution in a reserved slot."""
        self._tasks.start(claim, self._free_slot)
        self._unreserve()

    def stop(self, execution_id: str, failure: Failure) -> bool:
        """Stop an execution that runs here, to end with ``failure``; False if it does not."""
        return self._tasks.stop(execution_id, failure)

    async def close(self, grace_s: float) -> None:
        """Take no more work, give what runs ``grace_s`` to end, then stop it.

        What has not begun by then is handed back, and starts with the next server.
        """
        self._is_closed = True
        # Not cancelled: what it has claimed must have a task that ends it.
        await self.loop.finish()
        self._listening.close()
        if self._reserved:
            # Being recorded as running: each has a task in a moment, or never will.
            await self._none_reserved.wait()
        if grace_s > 0:
            await self._tasks.wait(grace_s)
        await self._tasks.stop_all(STOPPED)
        try:
            await self._database.write(rows.remove_worker, self.worker_id)
        except Unavailable as error:
            # Whoever comes next does not need it to be gone.
            logger.error("this worker's row stays: %s", error.message)

    async def take_for_pods(
        self,
        of_pods: Imported,
        limit: int,
        engine: Engine,
        on_end: Callable[[], None],
    ) -> int:
        """Claim executions that wait for pods and run them outside the slots; return how many.

        Args:
            of_pods: What the pods have imported.
            limit: How many at most.
            engine: What runs them.
            on_end: Called at the end of each.
        """
        async with self._claiming:
            if not self._takes_work:
                return 0
            claimed = await self._claim(limit, of_pods)
            for claim in claimed:
                self._tasks.start(claim, on_end, engine)
        return len(claimed)

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs, and nothing is about to."""
        return not (self._reserved or self._claiming.locked() or self._tasks.count)

    @property
    def _takes_work(self) -> bool:
        return not self._is_closed and self._intake.is_open

    def _unreserve(self) -> None:
        self._reserved -= 1
        if self._is_closed and not self._reserved:
            self._none_reserved.set()

    def _free_slot(self) -> None:
        self._free += 1
        self._ended += 1
        if self._has_backlog or self._has_held:
            self._signals.notify(PENDING)

    def tell_of(self, orphans: list[Orphan]) -> None:
        """Tell those who wait for executions whose worker is gone what became of them."""
        for orphan in orphans:
            logger.warning("execution %s ran on a worker that is gone", orphan.execution_id)
            if orphan.delay is None:
                self._signals.notify(execution_topic(orphan.execution_id))
            else:
                self._recording.say_again(
                    orphan.execution_id, orphan.attempt, orphan.failure, orphan.delay
                )
                self._signals.notify(PENDING)

    async def _claim(self, limit: int, of_pods: Imported | None = None) -> list[Claim]:
        """Take the oldest executions that may start, for slots or for pods."""
        return await self._database.write(records.claim, self.worker_id, limit, now(), of_pods)

    async def _look(self) -> float:
        """Start what may start, and return after how many seconds to look again at the latest."""
        if not self._intake.is_open:
            return LOOK_AGAIN_S
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
            while self._free > 0 and self._takes_work:
                # The slots are taken before the claim: nobody else may have them meanwhile.
                taken, self._free = self._free, 0
                try:
                    claimed = await self._claim(taken)
                except BaseException:
                    self._free += taken
                    raise
                self._free += taken - len(claimed)
                self._has_backlog = len(claimed) == taken or self._unrecorded > 0
                for claim in claimed:
                    self._tasks.start(claim, self._free_slot)
                started += len(claimed)
                if len(claimed) < taken:
                    break
        return started
