"""The fence: only the worker that has an attempt at an execution changes it (ADR 0013).

A worker that was taken for dead may still send the end of an attempt that another one repeats.
So each statement by which a worker moves an execution has one of these conditions.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, bindparam

from headrace.core.executions import Status
from headrace.store.tables import executions

RUNS = and_(
    executions.c.id == bindparam("of_execution"),
    executions.c.worker_id == bindparam("of_worker"),
    executions.c.attempt == bindparam("of_attempt"),
    executions.c.status == Status.RUNNING.value,
)
"""Whether the worker runs the attempt."""

FOLLOWS = (
    "executions.worker_id = excluded.worker_id AND executions.attempt = excluded.attempt "
    "AND executions.ended_at IS NULL"
)
"""The same where a row of an execution is to take the place of one that is there.

That one may say that the attempt waits in the queue of a pod: not every start is recorded.
"""


def fenced(execution_id: str, worker_id: str, attempt: int) -> dict[str, Any]:
    """Return the parameters of :data:`RUNS`."""
    return {"of_execution": execution_id, "of_worker": worker_id, "of_attempt": attempt}
