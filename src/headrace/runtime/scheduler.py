"""The loop that acts on schedules when they are due."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from headrace.control.clock import now
from headrace.control.schedules import Schedules
from headrace.core.errors import Unavailable
from headrace.signals.port import SCHEDULES, Signals

logger = logging.getLogger(__name__)

Wait = Callable[[float], Awaitable[bool]]

LOOK_AGAIN_S = 5.0
"""A signal may be lost, and another server may change a schedule, so the database is asked now
and then all the same."""

GLANCE_S = 1.0
"""The clock is looked at as often as this, because it may be set while this loop sleeps."""

TRY_AGAIN_S = 1.0
"""How long to wait after the database did not answer."""


class Scheduler:
    """Sleeps until the first schedule is due, has it recorded, and begins again.

    It keeps no state that matters: what is due, and what has been recorded, is in the database.
    Several may run on one database.
    """

    def __init__(self, schedules: Schedules, signals: Signals) -> None:
        self._schedules = schedules
        self._signals = signals
        self._loop: asyncio.Task[None] | None = None

    async def begin(self) -> None:
        """Act on schedules from now on; what came due while no server ran comes first."""
        self._loop = asyncio.create_task(self._act_for_ever(), name="scheduler")

    async def close(self) -> None:
        """Stop; what is due from now on is for the next server."""
        if self._loop is not None:
            self._loop.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._loop

    async def _act_for_ever(self) -> None:
        with self._signals.listen(SCHEDULES) as signal:
            while True:
                try:
                    next_due_at = await self._schedules.next_due_at()
                    while next_due_at is not None and next_due_at <= now():
                        next_due_at = (await self._schedules.fire_due(now())).next_due_at
                except Unavailable as error:
                    logger.error("schedules cannot be acted on: %s", error.message)  # noqa: TRY400 - its message says all
                    await asyncio.sleep(TRY_AGAIN_S)
                except Exception:
                    # Whatever it was, schedules must not stop for ever because of it.
                    logger.exception("schedules cannot be acted on")
                    await asyncio.sleep(TRY_AGAIN_S)
                else:
                    await self._sleep_until(next_due_at, signal.wait)

    async def _sleep_until(self, due_at: datetime | None, wait: Wait) -> None:
        """Return when something is due, when a schedule has changed, or after a while."""
        for _ in range(int(LOOK_AGAIN_S / GLANCE_S)):
            left = GLANCE_S if due_at is None else (due_at - now()).total_seconds()
            if left <= 0 or await wait(min(left, GLANCE_S)):
                return
