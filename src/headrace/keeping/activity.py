"""The loop that counts executions over time, off the way of calls."""

from __future__ import annotations

from datetime import timedelta

from headrace.core.clock import now
from headrace.signals.loop import Loop
from headrace.store import activity_counting as rows
from headrace.store.database import Database

COUNT_EVERY_S = 10.0

SETTLED_AFTER = timedelta(seconds=15)
"""After that an execution surely is on record. One that comes later, because the database took
nothing for so long or the clock was set back, is in no count; it is in all lists."""

_PAUSE_S = 0.05
"""Between two batches, so that whoever writes meanwhile is not kept waiting."""

_FORGET_EVERY = 60
"""Counts that are too old are deleted after so many rounds, ten minutes."""


class ActivityCounter(Loop):
    """Counts each execution once, when it has ended.

    Args:
        database: Where executions and counts are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._rounds = 0
        super().__init__(
            "activity",
            self._look,
            complaint="executions are not counted for the plots",
            try_again_s=COUNT_EVERY_S,
        )

    async def count(self) -> bool:
        """Count some executions; return whether there are more of them."""
        at = now()
        news = await self._database.read(rows.find_news, at - SETTLED_AFTER, at)
        if news.is_new:
            await self._database.write(rows.add_news, news)
        return not news.is_all

    async def _look(self) -> float:
        if await self.count():
            return _PAUSE_S
        if self._rounds % _FORGET_EVERY == 0:
            old = await self._database.read(rows.find_old, now())
            if old:
                await self._database.write(rows.forget, old)
                return _PAUSE_S
        self._rounds += 1
        return COUNT_EVERY_S
