"""The attempts that run in this process, each in a task of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from headrace.core.claims import Claim
from headrace.core.outcomes import Failure, FailureKind
from headrace.engines.port import Engine, NeverBegan
from headrace.running.runner import Runner

STOPPED = Failure(
    FailureKind.WORKER_LOST,
    "The server was stopped while this execution ran.",
)
RECORD_PATIENCE_S = 3.0
"""How long a worker that is told to end tries to record what it stopped, before it leaves that to
the next start."""


@dataclass(slots=True)
class _Run:
    """An attempt.

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


class AttemptTasks:
    """Starts attempts and stops them; each ends with its record."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._runs: dict[str, _Run] = {}

    @property
    def count(self) -> int:
        """How many attempts there are."""
        return len(self._runs)

    def start(self, claim: Claim, on_end: Callable[[], None], engine: Engine | None = None) -> None:
        """Run an attempt.

        Args:
            claim: What runs.
            on_end: Called at its end.
            engine: What runs it; None for a process of its own.
        """
        execution_id = claim.execution.id
        task = asyncio.create_task(self._run(claim, engine, on_end), name=execution_id)
        self._runs[execution_id] = _Run(task)

    def stop(self, execution_id: str, failure: Failure) -> bool:
        """Stop an execution that runs here, to end with ``failure``; False if it does not."""
        run = self._runs.get(execution_id)
        if run is None:
            return False
        if run.verdict is None:
            run.verdict = failure
            # A task that is cancelled before its first step would never take it, and record no end.
            if run.is_under_way:
                run.task.cancel()
        return True

    async def wait(self, timeout_s: float | None = None) -> None:
        """Return when nothing runs, or after a time."""
        tasks = [run.task for run in self._runs.values()]
        if tasks:
            await asyncio.wait(tasks, timeout=timeout_s)

    async def stop_all(self, failure: Failure) -> None:
        """Stop all that runs; return when each has its record."""
        for execution_id in list(self._runs):
            self.stop(execution_id, failure)
        while self._runs:
            await self.wait()

    async def _run(self, claim: Claim, engine: Engine | None, on_end: Callable[[], None]) -> None:
        execution_id = claim.execution.id
        run = self._runs[execution_id]
        try:
            if not await self._ran(run, claim, engine):
                await self._end_stopped(run, claim)
        finally:
            # The next attempt may be under way while this one's files are being removed.
            if self._runs.get(execution_id) is run:
                del self._runs[execution_id]
            on_end()

    async def _ran(self, run: _Run, claim: Claim, engine: Engine | None) -> bool:
        """Run an attempt to its recorded end; False if it was stopped before."""

        def on_begin() -> None:
            run.has_begun = True

        if run.verdict is not None:
            return False
        run.is_under_way = True
        try:
            await self._runner.run(claim, on_begin, engine)
        except asyncio.CancelledError as error:
            run.has_begun = run.has_begun and not isinstance(error, NeverBegan)
            return False
        return True

    async def _end_stopped(self, run: _Run, claim: Claim) -> None:
        verdict, recording = run.verdict or STOPPED, self._runner.recording
        if verdict is not STOPPED:
            await recording.end(claim, None, verdict)
        elif run.has_begun:
            await recording.end(claim, None, verdict, patience_s=RECORD_PATIENCE_S)
        else:
            await recording.hand_back(claim, patience_s=RECORD_PATIENCE_S)
