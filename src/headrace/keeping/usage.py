"""The loop that records what executions and pods use."""

from __future__ import annotations

import asyncio
import contextlib
import logging

from headrace.core.clock import now_s
from headrace.core.errors import Unavailable
from headrace.core.usage import FIRST_SAMPLE_S, Measurement
from headrace.engines.port import Metering
from headrace.signals.loop import Loop
from headrace.store import usage as rows
from headrace.store.database import Database

logger = logging.getLogger(__name__)

RECORD_EVERY = 5
"""Measurements are recorded after so many looks together, so that few calls cost few commits."""

_CLOSE_S = 5.0
"""Seconds that the end of a server waits for the last measurements."""

_THIN_EVERY = 3600
"""After so many looks, about an hour's, older samples are averaged."""

_MOST_UNRECORDED = 20_000
"""Measurements that are kept while the database takes none; beyond it, the oldest are dropped."""


class UsageRecorder(Loop):
    """Takes measurements about once a second, and records them.

    Args:
        database: Where they are recorded.
        meter: What measures.
        worker: Name of this server's machine.
    """

    def __init__(self, database: Database, meter: Metering, worker: str) -> None:
        self._database = database
        self._meter = meter
        self._worker = worker
        self._looks = 0
        self._is_to_thin = False
        self._unrecorded: list[Measurement] = []
        self._recording = asyncio.Lock()
        super().__init__(
            "usage", self._look, complaint="what executions use is not recorded: some of it is lost"
        )

    async def flush(self) -> None:
        """Record all that was measured until now.

        Raises:
            Unavailable: The database takes nothing; it is tried again later.
        """
        async with self._recording:
            await self._take()
            await self._record()

    async def close(self) -> None:
        """Record what is left, and stop."""
        await super().close()
        with contextlib.suppress(TimeoutError, Unavailable):
            async with asyncio.timeout(_CLOSE_S):
                await self.flush()

    async def _look(self) -> float:
        self._looks += 1
        async with self._recording:
            await self._take()
            if self._looks % RECORD_EVERY == 0:
                await self._record()
        if self._is_to_thin or self._looks % _THIN_EVERY == 1:
            self._is_to_thin = await self._database.write_unseen(
                rows.thin_out_some, int(now_s() * 1000)
            )
        return FIRST_SAMPLE_S

    async def _take(self) -> None:
        self._unrecorded += await self._meter.take()
        excess = len(self._unrecorded) - _MOST_UNRECORDED
        if excess > 0:
            logger.warning("%d measurements of executions are dropped, unrecorded", excess)
            del self._unrecorded[:excess]

    async def _record(self) -> None:
        if not self._unrecorded:
            return
        news, self._unrecorded = self._unrecorded, []
        try:
            await self._database.write_unseen(rows.record, self._worker, news)
        except Unavailable:
            self._unrecorded = news
            raise
