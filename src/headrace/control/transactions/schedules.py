"""Transactions of schedules.

Every fire time gets its one row in the ledger, and its execution, in one commit.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import Connection

from headrace.control.orders import Order, new_execution
from headrace.core.deployments import Deployment
from headrace.core.errors import HeadraceError
from headrace.core.executions import Execution
from headrace.core.ledger import LedgerRow
from headrace.core.mappings import resolve_given
from headrace.core.names import new_id
from headrace.core.outcomes import Failure, FailureKind
from headrace.core.schedules import (
    MAX_FIRES,
    Fate,
    Fire,
    Overlap,
    ScheduleState,
    plan,
)
from headrace.store import attempts, ledger
from headrace.store import deployments as deployment_rows
from headrace.store import executions as execution_rows
from headrace.store import schedules as rows
from headrace.store.settings import read_standing

logger = logging.getLogger(__name__)

SCHEDULES_AT_ONCE = 100
"""Schedules of one transaction, so that other writers need not wait for long."""

PUT_OFF = timedelta(seconds=60)
"""Time for which a schedule that cannot be acted on is left alone; nothing of it is lost."""

SUPERSEDED = Failure(
    FailureKind.CANCELLED,
    "The execution was cancelled, because the next fire time of its schedule had come.",
)


@dataclass(frozen=True, slots=True)
class Fired:
    """The changes of one look at the schedules.

    Attributes:
        rows: Number of fire times that were recorded.
        executions: Number of executions that were recorded for them.
        ended: Ids of pending executions that were cancelled.
        to_stop: Ids of running executions that are to be cancelled.
        next_due_at: When the next schedule is due, UTC; in the past if more is due now.
    """

    rows: int = 0
    executions: int = 0
    ended: tuple[str, ...] = ()
    to_stop: tuple[str, ...] = ()
    next_due_at: datetime | None = None

    def __add__(self, other: Fired) -> Fired:
        """Return the changes of both."""
        return Fired(
            self.rows + other.rows,
            self.executions + other.executions,
            self.ended + other.ended,
            self.to_stop + other.to_stop,
        )


def fire_due(
    connection: Connection, now: datetime, worker_id: str, *, looks_up: bool = False
) -> Fired:
    """Record what is due of at most :data:`SCHEDULES_AT_ONCE` schedules.

    Args:
        connection: A connection that writes.
        now: The present, UTC.
        worker_id: Who records it.
        looks_up: Whether fire times that have a row already are left out.

    Raises:
        Duplicate: A fire time has a row already; nothing is to be kept.
    """
    due = rows.due_schedules(connection, now, limit=SCHEDULES_AT_ONCE)
    deployments = deployment_rows.deployments_of_schedules(connection, due)
    batch = _Batch(connection, now, worker_id, looks_up=looks_up)
    for row in due:
        try:
            batch.fire(deployments[row.deployment_id], row)
        except (HeadraceError, LookupError, ValueError):
            # One schedule that cannot be read must not stop all others.
            logger.exception("schedule of deployment %s cannot be acted on", row.deployment_id)
            rows.put_off(connection, row.deployment_id, now + PUT_OFF)
    return replace(batch.store(), next_due_at=rows.next_due_at(connection))


def settle_schedule(
    connection: Connection, deployment_id: str, at: datetime, worker_id: str
) -> Fired:
    """Record all fire times up to ``at`` by what holds until then, before it is changed."""
    total = Fired()
    while True:
        row = rows.schedule_of(connection, deployment_id)
        deployment = deployment_rows.deployment_by_id(connection, deployment_id)
        if row is None or deployment is None or row.next_fire_at > at:
            return total
        batch = _Batch(connection, at, worker_id, looks_up=True)
        # What jitter has put off is acted on now: afterwards another rule may hold.
        batch.fire(deployment, row, settles=True)
        total += batch.store()


class _Batch:
    """The rows of one transaction: planned schedule by schedule, then written at once."""

    def __init__(
        self, connection: Connection, now: datetime, worker_id: str, *, looks_up: bool
    ) -> None:
        self._connection = connection
        self._now = now
        self._worker_id = worker_id
        self._looks_up = looks_up
        self._paused_since = read_standing(connection).paused_since
        self._rows: list[LedgerRow] = []
        self._pending: list[Execution] = []
        self._started = 0
        self._ended: list[str] = []
        self._to_stop: set[str] = set()

    def fire(self, deployment: Deployment, row: rows.ScheduleRow, *, settles: bool = False) -> None:
        """Take up what is due of one schedule. What may fail does so before the first change.

        With ``settles``, what jitter has put off is due too.
        """
        schedule = row.schedule
        offset = schedule.offset_for(row.deployment_id)
        running = pending = 0
        if schedule.overlap is not Overlap.PARALLEL:
            running, pending = rows.unfinished_counts(self._connection, row.deployment_id)
        state = ScheduleState(
            next_fire_at=row.next_fire_at,
            offset=offset,
            is_enabled=deployment.is_enabled,
            paused_since=self._paused_since,
            running=running,
            pending=pending,
        )
        planned = plan(schedule, state, self._now, limit=MAX_FIRES, settles=settles)
        known: set[datetime] = set()
        if self._looks_up:
            known = ledger.fire_times_since(self._connection, row.deployment_id, row.next_fire_at)
        recorded = [
            self._record(deployment, fire) for fire in planned.fires if fire.fire_at not in known
        ]
        # False if another server was faster: then the rows are its to write.
        if planned.fires and rows.advance(self._connection, row, planned.next_fire_at, offset):
            for fire, ledger_row, execution in recorded:
                self._take(deployment.id, fire, ledger_row, execution)

    def store(self) -> Fired:
        """Write the rows and the executions, and return what was done."""
        ledger.add_rows(self._connection, self._rows)
        execution_rows.add_all(self._connection, self._pending, None)
        if self._to_stop:
            attempts.request_cancel(self._connection, sorted(self._to_stop), self._now)
        return Fired(len(self._rows), self._started, tuple(self._ended), tuple(self._to_stop))

    def _take(
        self, deployment_id: str, fire: Fire, row: LedgerRow, execution: Execution | None
    ) -> None:
        self._rows.append(row)
        if execution is None:
            return
        self._started += 1
        if not fire.cancels:
            self._pending.append(execution)
            return
        # Those that this very batch has taken up are superseded as well, so they are written now.
        execution_rows.add_all(self._connection, self._pending, None)
        self._pending.clear()
        for known in execution_rows.unfinished_ids(self._connection, deployment_id):
            if execution_rows.end_pending(self._connection, known, SUPERSEDED, self._now):
                self._ended.append(known)
            else:
                self._to_stop.add(known)
        self._pending.append(execution)

    def _record(
        self, deployment: Deployment, fire: Fire
    ) -> tuple[Fire, LedgerRow, Execution | None]:
        execution = None
        fate, detail = fire.fate, fire.detail
        if fate.has_execution:
            try:
                execution = _execution_for(deployment, fire, self._now)
            except HeadraceError as error:
                fate, detail = Fate.FAILED, error.message
        row = LedgerRow(
            deployment_id=deployment.id,
            fire_at=fire.fire_at,
            fate=fate,
            execution_id=None if execution is None else execution.id,
            detail=detail,
            recorded_at=self._now,
            recorded_by=self._worker_id,
        )
        return fire, row, execution


def _execution_for(deployment: Deployment, fire: Fire, now: datetime) -> Execution:
    order = Order(
        pipeline=deployment.pipeline,
        inputs=deployment.inputs,
        outputs=deployment.outputs,
        values={},
        files={},
        created_by=deployment.created_by,
        deployment=deployment,
    )
    execution = new_execution(new_id(), order, resolve_given(order.inputs, {}), now)
    return replace(execution, fire_at=fire.fire_at, waits=fire.waits)
