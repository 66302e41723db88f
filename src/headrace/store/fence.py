"""The fence: only the worker that has an attempt at an execution changes it (ADR 0013).

A worker that was taken for dead may still send the end of an attempt that another one repeats.
So each statement by which a worker moves an execution has one of these conditions, with the
parameters that :func:`fenced` returns.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, bindparam

from headrace.core.executions import Status
from headrace.store.tables import UNFINISHED, executions

_IS_MINE = and_(
    executions.c.id == bindparam("of_execution"),
    executions.c.worker_id == bindparam("of_worker"),
    executions.c.attempt == bindparam("of_attempt"),
)

RUNS = and_(_IS_MINE, executions.c.status == Status.RUNNING.value)
"""Whether the worker runs the attempt."""

WAITS = and_(_IS_MINE, executions.c.status == Status.PENDING.value)
"""Whether the attempt waits in the queue of one of the worker's pods."""

HAS = and_(_IS_MINE, UNFINISHED)
"""Whether it waits there or runs: it may not have been recorded that it runs."""

FOLLOWS = (
    "executions.worker_id = excluded.worker_id AND executions.attempt = excluded.attempt "
    "AND executions.ended_at IS NULL"
)
"""The same of a row that is there, where another row of the execution is inserted."""


def fenced(execution_id: str, worker_id: str, attempt: int) -> dict[str, Any]:
    """Return the parameters of the conditions for an attempt that a worker has."""
    return {"of_execution": execution_id, "of_worker": worker_id, "of_attempt": attempt}
