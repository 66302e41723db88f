"""Watches the machine's clock, so that nothing is deleted by a time that is not so."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Self

from headrace.core.clock import now
from headrace.core.clock_trust import ClockTrust, Mark, judge
from headrace.store import clock as rows
from headrace.store.database import Database

logger = logging.getLogger(__name__)


def steady_s() -> float:
    """Return the seconds since the machine was started, with those that it slept."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class ClockWatch:
    """Compares the clock with the last time that was believed, and keeps that in the database.

    Args:
        database: Where the time that was believed is kept.
        wall: The clock that is judged.
        steady: A clock in seconds that nobody sets.
    """

    def __init__(
        self,
        database: Database,
        *,
        wall: Callable[[], datetime] = now,
        steady: Callable[[], float] = steady_s,
    ) -> None:
        self._database = database
        self._wall = wall
        self._steady = steady
        self._mark: Mark | None = None
        self._marked_s = 0.0
        self._confirmed = asyncio.Event()
        self.state = ClockTrust.TRUSTED

    @classmethod
    async def begun(cls, database: Database) -> Self:
        """Return a watch of this machine's clock; see :meth:`begin`."""
        watch = cls(database)
        await watch.begin()
        return watch

    @property
    def believed_at(self) -> datetime | None:
        """The last time that was believed."""
        return None if self._mark is None else self._mark.at

    async def begin(self) -> None:
        """Judge the clock by what the database knows of the time.

        Raises:
            Unavailable: The database did not answer.
        """
        known = await self._database.read(rows.last_known_time)
        self._mark = None if known is None else Mark(known, is_remembered=True)
        self._marked_s = self._steady()
        await self.is_trusted()

    async def is_trusted(self) -> bool:
        """Check whether things may be deleted by their age now.

        Raises:
            Unavailable: The database did not take the time.
        """
        at, steady = self._wall(), self._steady()
        state = judge(at, self._mark, timedelta(seconds=steady - self._marked_s))
        self._say(state, at)
        if state is ClockTrust.TRUSTED:
            await self._believe(at, steady)
        return state is ClockTrust.TRUSTED

    async def confirm(self) -> datetime:
        """Believe the clock as it is, because an operator says that it is right; return its time.

        Raises:
            Unavailable: The database did not take the time.
        """
        at = self._wall()
        await self._believe(at, self._steady())
        logger.warning("the clock was confirmed: old things are deleted again")
        self.state = ClockTrust.TRUSTED
        self._confirmed.set()
        return at

    async def confirmed_or_after(self, seconds: float) -> None:
        """Return after so many seconds, or at once when the clock is confirmed."""
        self._confirmed.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._confirmed.wait(), seconds)

    async def _believe(self, at: datetime, steady: float) -> None:
        await self._database.write_unseen(rows.believe, at)
        self._mark, self._marked_s = Mark(at), steady

    def _say(self, state: ClockTrust, at: datetime) -> None:
        if state is self.state:
            return
        self.state = state
        if state is ClockTrust.TRUSTED:
            logger.warning("the clock is as it should be: old things are deleted again")
            return
        logger.error(
            "nothing is deleted for its age: the clock shows %s, the last time known to be right "
            "is %s. If the clock is right: headrace clock confirm. Otherwise set the clock.",
            at.isoformat(timespec="seconds"),
            "unknown" if self._mark is None else self._mark.at.isoformat(timespec="seconds"),
        )
