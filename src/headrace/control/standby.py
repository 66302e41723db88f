"""Standby: pause and resume the environment, one recorded step after the other.

A request records the intent alone. The steps follow (:meth:`Standby.advance`), each recorded
before the next, so that a server that is killed goes on where it was.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from headrace.control.intake import Intake
from headrace.control.schedules import Schedules
from headrace.control.transactions import standby as records
from headrace.control.transactions.schedules import Fired
from headrace.control.warm import Pods, WarmCalls
from headrace.core.clock import now
from headrace.core.scopes import Scope
from headrace.core.standby import EnvironmentStatus, Standing
from headrace.signals.port import BUILDS, PENDING, STANDBY, Signals
from headrace.store.database import Database
from headrace.store.settings import read_standing

logger = logging.getLogger(__name__)

PODS_WITHIN = timedelta(seconds=60)
"""How long an environment is not ``ready`` because pods are still coming; they go on coming."""

_SAID = {
    EnvironmentStatus.READY: "the server is ready",
    EnvironmentStatus.PAUSE_ASKED: "the server is pausing: it takes no work, and what is under way "
    "ends by itself; headrace resume ends this",
    EnvironmentStatus.PODS_GOING: "the server is pausing: nothing is under way any more",
    EnvironmentStatus.STANDBY: "the server is paused: it keeps everything and takes no work; "
    "headrace resume ends this",
    EnvironmentStatus.RESUME_ASKED: "the server is resuming: the fire times of the pause are being "
    "recorded",
    EnvironmentStatus.PODS_COMING: "the server takes work again, and its pods are coming back",
}


class Standby:
    """The verbs of pausing and resuming.

    Args:
        database: Where the state is.
        signals: Tells those who begin work that there may be some.
        intake: Follows the state in this process.
        warm_calls: Calls that pods answer, which do not ask the intake.
        pods: They are released and come back.
        schedules: Records the fire times of a pause.
        worker_id: Id of this server's worker.
        on_change: Told each state, in the step of the event loop in which this process follows it.
    """

    def __init__(
        self,
        database: Database,
        signals: Signals,
        intake: Intake,
        warm_calls: WarmCalls,
        pods: Pods,
        schedules: Schedules,
        worker_id: str,
        on_change: Callable[[Standing], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._signals = signals
        self._intake = intake
        self._warm_calls = warm_calls
        self._pods = pods
        self._schedules = schedules
        self._worker_id = worker_id
        self._on_change = on_change
        self._changing = asyncio.Lock()
        self._said: EnvironmentStatus | None = EnvironmentStatus.READY

    @property
    def standing(self) -> Standing:
        """The state of the environment."""
        return self._intake.standing

    async def begin(self) -> None:
        """Follow what is on record, before any work is taken."""
        await self._follow(self._database.read(read_standing))

    async def ask(self, scope: Scope, status: EnvironmentStatus) -> Standing:
        """Record that somebody asks to pause or to resume; return the state as it is then.

        Raises:
            Unavailable: It could not be recorded; nothing has changed.
        """
        recorded = self._follow(self._database.write(records.ask, status, now()))
        # Shielded: what is on record holds in this process as well, also if the caller hangs up.
        standing = await asyncio.shield(asyncio.ensure_future(recorded))
        self._signals.notify(STANDBY)
        return standing

    async def advance(self, *, is_idle: bool) -> Standing:
        """Take the next step, if it can be taken; return the state.

        Args:
            is_idle: Whether nothing is under way in this process.
        """
        standing = await self._follow(self._database.read(read_standing))
        status = standing.status
        if status is EnvironmentStatus.PAUSE_ASKED and is_idle:
            return await self._move(status, EnvironmentStatus.PODS_GOING)
        if status is EnvironmentStatus.PODS_GOING and self._pods.are_released():
            return await self._move(status, EnvironmentStatus.STANDBY)
        if status is EnvironmentStatus.RESUME_ASKED:
            return await self._follow(self._end_pause())
        if status is EnvironmentStatus.PODS_COMING and self._has_pods(standing):
            return await self._move(status, EnvironmentStatus.READY)
        return standing

    def _has_pods(self, standing: Standing) -> bool:
        is_late = standing.since is None or now() - standing.since > PODS_WITHIN
        return is_late or self._pods.are_settled()

    async def _move(self, before: EnvironmentStatus, after: EnvironmentStatus) -> Standing:
        return await self._follow(self._database.write(records.move, before, after, now()))

    async def _end_pause(self) -> Standing:
        fired: Fired
        standing, fired = await self._database.write(records.end_pause, now(), self._worker_id)
        self._schedules.follow_up(fired)
        return standing

    async def _follow(self, asked: Awaitable[Standing]) -> Standing:
        """Let this process follow the state that the database answers with."""
        # In the order in which the database answers: an older answer must not come last.
        async with self._changing:
            standing = await asked
            if standing.status is not self._said:
                self._said = standing.status
                logger.warning("%s", _SAID[standing.status])
            before = self._intake.standing
            self._intake.follow(standing)
            self._warm_calls.hold_back(is_held=not standing.takes_work)
            self._on_change(standing)
        if before.keeps_pods != standing.keeps_pods:
            self._pods.changed()
        if standing.takes_work and not before.takes_work:
            for topic in (PENDING, BUILDS):
                self._signals.notify(topic)
        return standing
