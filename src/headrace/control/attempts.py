"""Attempts: how each of them ended, recorded under its claim."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from headrace.control.run_log import say_end
from headrace.core.claims import Claim
from headrace.core.clock import now
from headrace.core.executions import OutputRecord
from headrace.core.outcomes import Failure
from headrace.signals.port import PENDING, Signals, execution_topic
from headrace.store import attempts as rows
from headrace.store.database import Database


class Attempts:
    """The verbs of attempts. None takes effect once a claim has been lost to another worker."""

    def __init__(self, database: Database, signals: Signals) -> None:
        self._database = database
        self._signals = signals

    async def finish(
        self,
        claim: Claim,
        *,
        outputs: Sequence[OutputRecord] | None,
        failure: Failure | None,
    ) -> timedelta | None:
        """Record how an attempt ended, unless the claim is lost.

        Return how long it is until the next attempt, or None if none follows.
        """
        execution, delay, at = claim.execution, None, now()
        if failure is not None:
            delay = execution.retries.delay_after(claim.attempt, failure.kind)
        if failure is None or delay is None:
            is_ended = await self._database.write(
                rows.finish,
                execution.id,
                claim.worker_id,
                attempt=claim.attempt,
                outputs=outputs,
                failure=failure,
                at=at,
            )
            if is_ended:
                say_end(execution, failure, at)
            self._signals.notify(execution_topic(execution.id))
            return None
        again = await self._database.write(
            rows.attempt_again,
            execution.id,
            claim.worker_id,
            failure,
            attempt=claim.attempt,
            at=at,
            delay=delay,
        )
        if again:
            say_end(execution, failure, at, delay)
            self._signals.notify(PENDING)
            return delay
        # It was to be cancelled, and has ended so; or the claim was lost.
        self._signals.notify(execution_topic(execution.id))
        return None

    async def hand_back(self, claim: Claim) -> None:
        """Give an execution whose code has not begun back to be started by another worker."""
        execution_id = claim.execution.id
        again = await self._database.write(
            rows.hand_back, execution_id, claim.worker_id, attempt=claim.attempt, at=now()
        )
        self._signals.notify(PENDING if again else execution_topic(execution_id))

    async def is_current(self, claim: Claim) -> bool:
        """Return whether a claim still holds."""
        return await self._database.read(
            rows.is_current, claim.execution.id, claim.worker_id, attempt=claim.attempt
        )
