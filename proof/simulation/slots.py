"""What a server of a story runs: attempts of random length with random ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from proof.simulation import leases
from proof.simulation.rules import Violation
from proof.simulation.servers import SECOND, Server
from sqlalchemy import Connection

from headrace.core.claims import Claim
from headrace.core.destinations import Nowhere
from headrace.core.executions import Execution, OutputRecord
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.values import DataType
from headrace.running.tasks import STOPPED
from headrace.store import attempts, claims

KINDS = (FailureKind.USER_ERROR, FailureKind.TIMEOUT, FailureKind.OUT_OF_MEMORY)

LATE = 0.1
"""Probability that an attempt that is over writes its end once more."""

Outputs = tuple[OutputRecord, ...] | None


@dataclass
class Task:
    """An attempt that runs in a server.

    Attributes:
        execution: What runs.
        worker_id: Under which it was claimed.
        begins_at: True time at which its code begins.
        verdict: What it is to end with, once somebody has stopped it.
        is_over: Whether it has ended, recorded or not.
    """

    execution: Execution
    worker_id: str
    begins_at: datetime
    verdict: Failure | None = None
    is_over: bool = False

    @property
    def mark(self) -> str:
        """What its end says about where it comes from."""
        return f"{self.worker_id} {self.execution.attempt}"


class Slots:
    """The slots of one server in one life."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._tasks: dict[str, Task] = {}

    @property
    def taken(self) -> int:
        return len(self._tasks)

    def claim(self) -> None:
        """Take work now and from now on."""
        server = self._server
        if server.is_closing:
            return
        self.take()
        waiting = server.world.read(claims.backlog, server.now)
        wait = server.habits.glance
        if waiting.next_at is not None:
            wait = min(waiting.next_at - server.now, wait)
        server.later(wait + server.soon(), self.claim)

    def take(self) -> None:
        """Take work, if there is room."""
        server = self._server
        free = server.habits.slots - len(self._tasks)
        if server.is_closing or not server.worker_id or free <= 0:
            return
        if not server.world.read(claims.backlog, server.now).is_ready:
            return
        for claim in server.write(leases.claim, server.worker_id, free, server.now):
            self._begin(claim)

    def stop(self, execution_id: str, failure: Failure) -> bool:
        """Stop an execution that runs here; False if it does not."""
        task = self._tasks.get(execution_id)
        if task is None:
            return False
        if task.verdict is None:
            task.verdict = failure
            grace = self._server.world.chance.choice([0, 0.1, 7]) * SECOND
            self._server.later(grace, lambda: self._end(task, None, failure))
        return True

    def stop_all(self, failure: Failure) -> None:
        """Stop all that run here."""
        for execution_id in list(self._tasks):
            self.stop(execution_id, failure)

    def _begin(self, claim: Claim) -> None:
        server, chance = self._server, self._server.world.chance
        prepares = chance.choice([0, 1, 60]) * chance.random() * SECOND
        task = Task(claim.execution, claim.worker_id, server.world.now + prepares)
        self._tasks[claim.execution.id] = task
        habits = server.habits
        length = habits.shortest * (habits.longest / habits.shortest) ** chance.random()
        outputs, failure = _marked(task), None
        if chance.random() < habits.fails:
            outputs, failure = None, Failure(chance.choice(KINDS), task.mark)
        server.later(prepares + length, lambda: self._end(task, outputs, failure))

    def _end(self, task: Task, outputs: Outputs, failure: Failure | None) -> None:
        if not task.is_over:
            task.is_over = True
            is_early = self._server.world.now < task.begins_at
            self._record(task, outputs, failure, hands_back=is_early and failure is STOPPED)

    def _record(
        self, task: Task, outputs: Outputs, failure: Failure | None, *, hands_back: bool
    ) -> None:
        """Record how an attempt ended, again and again until the database takes it."""
        server, execution = self._server, task.execution

        def record() -> None:
            if hands_back:
                server.write(
                    attempts.hand_back,
                    execution.id,
                    task.worker_id,
                    attempt=execution.attempt,
                    at=server.now,
                )
            else:
                server.write(_finish, execution, task.worker_id, outputs, failure, server.now)
            self._tasks.pop(execution.id, None)
            server.later(server.soon(), self.take)
            if server.world.chance.random() < LATE:
                longest = server.world.chance.choice([5 * SECOND, server.habits.longest])
                server.later(longest * server.world.chance.random(), write_late)

        def write_late() -> None:
            """Say once more how it ended, when nobody should listen any more."""
            end = server.world.chance.choice(
                [(_marked(task), None), (None, Failure(FailureKind.USER_ERROR, task.mark))]
            )
            if server.write(_finish, execution, task.worker_id, *end, server.now):
                raise Violation(f"a late write of {task.mark} changed {execution.id}")

        server.later(server.soon(), record)


def _marked(task: Task) -> Outputs:
    return (OutputRecord("mark", DataType.STRING, Nowhere(), task.mark),)


def _finish(
    connection: Connection,
    execution: Execution,
    worker_id: str,
    outputs: Outputs,
    failure: Failure | None,
    at: datetime,
) -> bool:
    """Record an end as :meth:`headrace.control.executions.Executions.finish` does."""
    attempt, delay = execution.attempt, None
    if failure is not None:
        delay = execution.retries.delay_after(attempt, failure.kind)
    if failure is None or delay is None:
        return attempts.finish(
            connection,
            execution.id,
            worker_id,
            attempt=attempt,
            outputs=outputs,
            failure=failure,
            at=at,
        )
    return attempts.attempt_again(
        connection, execution.id, worker_id, failure, attempt=attempt, at=at, delay=delay
    )
