"""The loop that acts on schedules when they are due."""

from __future__ import annotations

import contextlib
from datetime import datetime

from headrace.control.schedules import Schedules
from headrace.core.clock import now
from headrace.signals.loop import Loop
from headrace.signals.port import SCHEDULES, Signals

LOOK_AGAIN_S = 5.0
"""A signal may be lost, and another server may change a schedule, so the database is asked now
and then all the same."""

GLANCE_S = 1.0
"""The clock is looked at as often as this, because it may be set while this loop sleeps."""

TRY_AGAIN_S = 1.0
"""How long to wait after the database did not answer."""


class Scheduler(Loop):
    """Sleeps until the first schedule is due, has it recorded, and begins again.

    It keeps no state that matters: what is due, and what has been recorded, is in the database.
    Several may run on one database.
    """

    def __init__(self, schedules: Schedules, signals: Signals) -> None:
        self._schedules = schedules
        self._next_due_at: datetime | None = None
        self._listening = contextlib.ExitStack()
        self._signal = self._listening.enter_context(signals.listen(SCHEDULES))
        super().__init__(
            "scheduler",
            self._act,
            complaint="schedules cannot be acted on",
            wait=self._sleep,
            try_again_s=TRY_AGAIN_S,
        )

    async def close(self) -> None:
        """Stop; what is due from now on is for the next server."""
        await super().close()
        self._listening.close()

    async def _act(self) -> float:
        next_due_at = await self._schedules.next_due_at()
        while next_due_at is not None and next_due_at <= now():
            next_due_at = (await self._schedules.fire_due(now())).next_due_at
            # After a long absence there are many transactions of them.
            self.come_round()
        self._next_due_at = next_due_at
        return LOOK_AGAIN_S

    async def _sleep(self, most_s: float) -> None:
        """Return when something is due, when a schedule has changed, or after a while."""
        due_at = self._next_due_at
        for _ in range(int(most_s / GLANCE_S)):
            left = GLANCE_S if due_at is None else (due_at - now()).total_seconds()
            if left <= 0 or await self._signal.wait(min(left, GLANCE_S)):
                return
