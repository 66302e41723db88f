"""Schedules: what is due is recorded, and those whom it concerns are told."""

from __future__ import annotations

import logging
from datetime import datetime

from headrace.control.admission import Admission, Stop
from headrace.control.transactions.schedules import SUPERSEDED, Fired, fire_due
from headrace.signals.port import PENDING, SCHEDULES, Signals, execution_topic
from headrace.store import schedules as rows
from headrace.store.database import Database
from headrace.store.errors import Duplicate

logger = logging.getLogger(__name__)


class Schedules:
    """Acts on schedules.

    Args:
        database: Where they are.
        signals: Tells the scheduler and the worker what is new.
        worker: Who acts on them.
        stop: Stops an execution that runs in this process.
    """

    def __init__(self, database: Database, signals: Signals, worker: Admission, stop: Stop) -> None:
        self._database = database
        self._signals = signals
        self._worker = worker
        self._stop = stop

    async def fire_due(self, now: datetime) -> Fired:
        """Record what is due; several servers may do so at once.

        Raises:
            Unavailable: The database did not take it; nothing was recorded.
        """
        worker_id = self._worker.worker_id
        try:
            fired = await self._database.write(fire_due, now, worker_id)
        except Duplicate:
            # Some schedule lags behind its ledger. That must not stop all others, nor itself.
            logger.exception("schedules that are due cannot be recorded unless rows are looked up")
            fired = await self._database.write(fire_due, now, worker_id, looks_up=True)
        self.follow_up(fired)
        return fired

    def follow_up(self, fired: Fired) -> None:
        """Tell those whom it concerns what was recorded, once it is on disk."""
        for execution_id in fired.ended:
            self._signals.notify(execution_topic(execution_id))
        for execution_id in fired.to_stop:
            self._stop(execution_id, SUPERSEDED)
        if fired.executions:
            self._signals.notify(PENDING)

    async def next_due_at(self) -> datetime | None:
        """Return when the first schedule is due, or None if there is none."""
        return await self._database.read(rows.next_due_at)

    def changed(self) -> None:
        """Wake the scheduler, because a schedule is new or has changed."""
        self._signals.notify(SCHEDULES)
