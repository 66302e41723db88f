"""The loop that deletes what is kept no longer, a little at a time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime

from headrace.control.deployments import KEY_LIFETIME
from headrace.control.executions import Executions
from headrace.control.warm import Pods
from headrace.core.clock import now
from headrace.core.clock_trust import ClockTrust
from headrace.core.errors import HeadraceError
from headrace.core.names import least_id
from headrace.core.retention import Retention
from headrace.keeping.clock_watch import ClockWatch
from headrace.keeping.file_collection import FileCollection
from headrace.signals.loop import Loop
from headrace.store import retention as rows
from headrace.store.database import Database
from headrace.store.versions import discard_versions

logger = logging.getLogger(__name__)

COLLECT_S = 600.0
FILES_S = 3600.0
"""Files are looked at less often, because all of them are."""

BATCH = 200
"""Rows of one transaction. It takes some milliseconds, for which all other writers wait."""

PAUSE_S = 0.05
"""How long others have the database to themselves between two transactions."""


class Collector(Loop):
    """Deletes executions, rows of the ledger, idempotency keys and files; discards old versions.

    A row goes first, its files after it. What a crash leaves between the two belongs to nothing,
    and is found as such.
    """

    def __init__(
        self,
        database: Database,
        executions: Executions,
        files: FileCollection,
        retention: Retention,
        clock: ClockWatch,
        pods: Pods,
    ) -> None:
        self._database = database
        self._executions = executions
        self._files = files
        self._retention = retention
        self._clock = clock
        self._pods = pods
        self._look_at_files_s = 0.0
        super().__init__(
            "collector",
            self._collect_what_is_due,
            complaint="not collected",
            wait=clock.confirmed_or_after,
            try_again_s=COLLECT_S,
        )

    async def collect_rows(self) -> None:
        """Delete the rows that are kept no longer, with the files of executions."""
        at = now()
        await self._collect_executions(at)
        since = self._retention.ledger_since(at)
        if since is not None:
            gone = await self._repeat(rows.delete_ledger, since)
            if gone:
                logger.info("deleted %d rows of the ledger", gone)
        await self._repeat(rows.delete_keys, at - KEY_LIFETIME)
        await self._discard_versions(at)

    async def collect_files(self) -> None:
        """Remove files that belong to nothing, and those that exceed the limit."""
        await self._files.collect(now())

    async def _collect_rows_by_trusted_clock(self) -> None:
        if await self._clock.is_trusted():
            await self.collect_rows()

    async def _collect_executions(self, at: datetime) -> None:
        gone = 0
        since = self._retention.executions_since(at)
        if since is not None:
            gone += await self._delete(below=least_id(since), ended_before=since)
        if self._retention.executions is not None:
            oldest = await self._database.read(rows.oldest_kept, self._retention.executions)
            if oldest is not None:
                gone += await self._delete(below=oldest, ended_before=None)
        if gone:
            logger.info("deleted %d executions that are kept no longer", gone)

    async def _discard_versions(self, at: datetime) -> None:
        """Let go of the folders and environments of old versions; the sweeper removes them."""
        if self._retention.versions is not None:
            gone = await self._database.write(
                discard_versions, self._retention.versions, self._pods.versions(), at
            )
            if gone:
                logger.info("discarded %d versions that are kept no longer", gone)

    async def _delete(self, *, below: str, ended_before: datetime | None) -> int:
        gone, after = 0, ""
        while True:
            batch = await self._database.write(
                rows.delete_executions,
                below=below,
                ended_before=ended_before,
                after=after,
                limit=BATCH,
            )
            for execution_id in batch.deleted:
                await self._executions.remove_traces(execution_id)
            gone += len(batch.deleted)
            if batch.last is None:
                return gone
            after = batch.last
            await asyncio.sleep(PAUSE_S)

    async def _repeat(self, delete: Callable[..., int], before: datetime) -> int:
        """Delete rows of before a time, until there are none; return how many there were."""
        gone = 0
        while True:
            count = await self._database.write(delete, before, limit=BATCH)
            gone += count
            if count < BATCH:
                return gone
            await asyncio.sleep(PAUSE_S)

    async def _collect_what_is_due(self) -> float:
        # Each by itself: rows that cannot be deleted keep no files from being removed.
        await _attempt(self._collect_rows_by_trusted_clock)
        clock = asyncio.get_running_loop().time
        if clock() >= self._look_at_files_s and self._clock.state is ClockTrust.TRUSTED:
            await _attempt(self.collect_files)
            self._look_at_files_s = clock() + FILES_S
        return COLLECT_S


async def _attempt(collect: Callable[[], Awaitable[None]]) -> None:
    try:
        await collect()
    except HeadraceError as error:
        logger.warning("not collected: %s", error.message)
    except Exception:
        # Whatever it was, the next time it may be over.
        logger.exception("not collected")
