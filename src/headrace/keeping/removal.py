"""Takes away what was deleted: stops its executions, then deletes their rows, a few at a time."""

from __future__ import annotations

import asyncio
import logging

from headrace.control.executions import Executions
from headrace.control.transactions.deployments import DELETED
from headrace.core.clock import now
from headrace.core.errors import HeadraceError
from headrace.signals.port import Signals, execution_topic
from headrace.store import deletion as rows
from headrace.store.database import Database
from headrace.store.deletion import Deleted, Kind
from headrace.store.patience import pauses

logger = logging.getLogger(__name__)

PATIENCE_S = 20.0
"""How long a caller waits for executions that run to be stopped, and for pods to end."""

ROWS_PATIENCE_S = 1.0
"""How long a caller waits for the rows to go after that."""

BATCH = 200
"""Rows of one transaction. It takes some milliseconds, for which all other writers wait."""

PAUSE_S = 0.02
"""How long others have the database to themselves between two transactions."""

LOOK_S = 0.05
"""How often executions that are being stopped are looked at."""

STOP_AGAIN_S = 1.0
"""After so long an execution that runs is told again to stop."""


class Removal:
    """One task for each thing that was deleted; each start takes up what is left of them."""

    def __init__(self, database: Database, signals: Signals, executions: Executions) -> None:
        self._database = database
        self._signals = signals
        self._executions = executions
        self._tasks: dict[Deleted, asyncio.Task[None]] = {}
        self._stopped: dict[Deleted, asyncio.Event] = {}
        self._turn = asyncio.Semaphore(1)

    async def begin(self) -> None:
        """Take up what an earlier server left.

        Raises:
            Unavailable: The database did not answer.
        """
        for deleted in await self._database.read(rows.all_deleted):
            logger.info("going on to remove the rows of a deleted %s", deleted.kind)
            self._begin(deleted)

    async def close(self) -> None:
        """Stop; the next start goes on."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def remove(self, deleted: Deleted) -> None:
        """Remove something, and return when it is done, or when a caller has waited enough."""
        task = self._begin(deleted)
        stopped = asyncio.ensure_future(self._stopped[deleted].wait())
        await asyncio.wait({stopped, task}, timeout=PATIENCE_S, return_when="FIRST_COMPLETED")
        stopped.cancel()
        await asyncio.wait({task}, timeout=ROWS_PATIENCE_S)

    def _begin(self, deleted: Deleted) -> asyncio.Task[None]:
        if deleted not in self._tasks:
            self._stopped[deleted] = asyncio.Event()
            self._tasks[deleted] = asyncio.create_task(
                self._remove_in_spite(deleted), name=f"removal of {deleted.id}"
            )
        return self._tasks[deleted]

    async def _remove_in_spite(self, deleted: Deleted) -> None:
        """Remove something, trying again whatever happens."""
        waits = pauses()
        try:
            while True:
                try:
                    await self._remove(deleted)
                except HeadraceError as error:
                    logger.warning(
                        "a deleted %s is not removed yet: %s", deleted.kind, error.message
                    )
                except Exception:
                    logger.exception("a deleted %s is not removed yet", deleted.kind)
                else:
                    return
                await asyncio.sleep(next(waits))
        finally:
            del self._tasks[deleted], self._stopped[deleted]

    async def _remove(self, deleted: Deleted) -> None:
        remove_some = self._remove_rows if deleted.kind is Kind.PIPELINE else self._part
        while True:
            await self._stop(deleted)
            is_more = True
            while is_more:
                is_more = await remove_some(deleted.id)
                await asyncio.sleep(PAUSE_S if is_more else 0)
            # What a worker held has ended by then, or the next round stops it.
            if await self._database.write(rows.bury, deleted):
                return
            await asyncio.sleep(LOOK_S)

    async def _stop(self, deleted: Deleted) -> None:
        """Stop what runs, and return when nothing does."""
        clock = asyncio.get_running_loop().time
        again = 0.0
        while running := await self._database.read(rows.running_of, deleted):
            if clock() >= again:
                again = clock() + STOP_AGAIN_S
                for execution_id in running:
                    await self._executions.request_stop(execution_id)
            await asyncio.sleep(LOOK_S)
        self._stopped[deleted].set()

    async def _remove_rows(self, pipeline_id: str) -> bool:
        """Delete some executions of a pipeline with their files; False if there are no more."""
        async with self._turn:
            gone = await self._database.write(rows.remove_some, pipeline_id, limit=BATCH)
            for execution_id in gone:
                self._signals.notify(execution_topic(execution_id))
                await self._executions.remove_traces(execution_id)
        return len(gone) == BATCH

    async def _part(self, deployment_id: str) -> bool:
        """End what waits of a deployment, then part its executions from it; False at the end."""
        async with self._turn:
            ended = await self._database.write(
                rows.end_some, deployment_id, DELETED, now(), limit=BATCH
            )
            for execution_id in ended:
                self._signals.notify(execution_topic(execution_id))
            if ended:
                return True
            parted = await self._database.write(rows.part_with_some, deployment_id, limit=BATCH)
        return parted > 0
