"""Attempts whose worker is gone: they end, or another one follows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection, select

from headrace.core.outcomes import CANCELLED, Failure
from headrace.core.retries import Retries
from headrace.store.attempts import attempt_again, finish
from headrace.store.tables import IS_RUNNING, executions, workers


@dataclass(frozen=True, slots=True)
class Orphan:
    """An attempt that ran under a worker that is gone.

    Attributes:
        execution_id: Whose attempt it was.
        attempt: Its number.
        failure: How it was recorded.
        delay: How long it is until the next attempt; None if none follows.
    """

    execution_id: str
    attempt: int
    failure: Failure
    delay: timedelta | None


_OF_THE_DEAD = select(
    executions.c.id,
    executions.c.worker_id,
    executions.c.attempt,
    executions.c.retries,
    executions.c.retry_backoff_s,
    executions.c.cancel_requested_at,
).where(IS_RUNNING, executions.c.worker_id.not_in(select(workers.c.id)))


def take_from_dead(
    connection: Connection, failure: Failure, at: datetime, *, hint: str = ""
) -> list[Orphan]:
    """End what runs under workers that have no row, or have it attempted again; return it.

    Args:
        connection: A connection that writes.
        failure: What became of the attempts.
        at: When.
        hint: What is added to it for an execution that is never attempted again.
    """
    taken = []
    for row in connection.execute(_OF_THE_DEAD).all():
        retries, own = Retries(row.retries, row.retry_backoff_s), failure
        delay = retries.delay_after(row.attempt, failure.kind)
        if row.cancel_requested_at is not None:
            own, delay = CANCELLED, None
        elif retries.most == 0 and hint:
            own = replace(failure, message=f"{failure.message} {hint}")
        whose = (row.id, row.worker_id)
        if delay is None:
            finish(connection, *whose, attempt=row.attempt, outputs=None, failure=own, at=at)
        else:
            attempt_again(connection, *whose, own, attempt=row.attempt, at=at, delay=delay)
        taken.append(Orphan(row.id, row.attempt, own, delay))
    return taken
