"""Removes files that nothing belongs to, and the oldest ones when all together are too large."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from sqlalchemy import Connection

from headrace.control.artifacts import ROOT, artifact_folder, execution_of
from headrace.control.executions import Executions
from headrace.core.retention import KeptFiles, files_to_drop
from headrace.logs.files import LogFiles
from headrace.objects.port import ObjectStore
from headrace.store import retention as rows
from headrace.store.database import Database

logger = logging.getLogger(__name__)

IN_USE = timedelta(days=1)
"""Files this young may belong to something that is about to be recorded."""

BATCH = 200
PAUSE_S = 0.02

Known = Callable[[Connection, Collection[str]], set[str]]

_OWNERS: dict[str, Known] = {
    "executions": rows.known_executions,
    "builds": rows.known_builds,
    "deployments": rows.known_deployments,
}


class FileCollection:
    """Looks at the logs and files of executions, and at what else has a log.

    Args:
        limit_bytes: What those of all executions may be together; None for no limit.
    """

    def __init__(
        self,
        database: Database,
        executions: Executions,
        logs: LogFiles,
        artifacts: ObjectStore,
        *,
        limit_bytes: int | None,
    ) -> None:
        self._database = database
        self._executions = executions
        self._logs = logs
        self._artifacts = artifacts
        self._limit_bytes = limit_bytes

    async def collect(self, now: datetime) -> None:
        """Remove what belongs to nothing, then as much of the oldest as the limit asks for.

        Raises:
            Unavailable: The database or the disk did not answer.
        """
        size, orphans = await self._look_at_logs(now)
        more, others = await self._look_at_artifacts(now)
        if orphans + others:
            logger.info("removed %d logs and folders that belonged to nothing", orphans + others)
        if self._limit_bytes is not None and size + more > self._limit_bytes:
            dropped = await self._drop(size + more - self._limit_bytes, now)
            logger.info("removed the logs and files of the %d oldest executions", dropped)

    async def _look_at_logs(self, now: datetime) -> tuple[int, int]:
        """Remove logs of nothing; return the size of those of executions, and how many went."""
        size = removed = 0
        for kind, known in _OWNERS.items():
            async for files in self._logs.pages(kind):
                if kind == "executions":
                    size += sum(file.size for file in files)
                bound = (now - IN_USE).timestamp()
                old = {file.owner: file.path for file in files if file.modified_at < bound}
                for owner in await self._unknown(known, old):
                    await self._logs.remove(old[owner])
                    removed += 1
                await asyncio.sleep(PAUSE_S)
        return size, removed

    async def _look_at_artifacts(self, now: datetime) -> tuple[int, int]:
        """Remove files of no execution; return the size of all, and of how many they were."""
        size = removed = 0
        after: str | None = None
        while True:
            page = await self._artifacts.list(ROOT, after)
            size += sum(item.size for item in page.items)
            old = [item.path for item in page.items if item.last_modified < now - IN_USE]
            owners = {execution_of(path) for path in old}
            for owner in await self._unknown(rows.known_executions, owners):
                await self._artifacts.delete_tree(artifact_folder(owner))
                removed += 1
            after = page.next_after
            if after is None:
                return size, removed
            await asyncio.sleep(PAUSE_S)

    async def _unknown(self, known: Known, owners: Collection[str]) -> list[str]:
        """Return the ids that no row has."""
        left = list(owners)
        unknown: list[str] = []
        for begin in range(0, len(left), BATCH):
            some = left[begin : begin + BATCH]
            there = await self._database.read(known, some)
            unknown += [owner for owner in some if owner not in there]
        return unknown

    async def _drop(self, excess: int, now: datetime) -> int:
        """Remove files of the oldest executions to free ``excess`` bytes; return of how many."""
        after = since = await self._database.read(rows.files_kept_since)
        is_gone_so_far = True
        count = 0
        while excess > 0:
            page = await self._database.read(rows.ends_of, after=after, limit=BATCH)
            if not page:
                break
            files = [KeptFiles(*found, await self._size_of(found[0])) for found in page]
            dropped = set(files_to_drop(files, excess, now))
            for kept in files:
                if kept.execution_id in dropped:
                    await self._executions.remove_traces(kept.execution_id)
                    excess -= kept.size
                    count += 1
                # The next time it begins where something is left.
                is_gone_so_far = is_gone_so_far and _is_gone(kept, dropped)
                if is_gone_so_far:
                    since = kept.execution_id
            await self._database.write(rows.record_files_kept_since, since)
            after = page[-1][0]
            await asyncio.sleep(PAUSE_S)
        return count

    async def _size_of(self, execution_id: str) -> int:
        size = await self._logs.size_of(self._logs.of_execution(execution_id))
        after: str | None = None
        while True:
            page = await self._artifacts.list(artifact_folder(execution_id), after)
            size += sum(item.size for item in page.items)
            after = page.next_after
            if after is None:
                return size


def _is_gone(files: KeptFiles, dropped: Collection[str]) -> bool:
    """Check whether nothing is left of an execution's files, and nothing will come."""
    return files.ended_at is not None and (files.size == 0 or files.execution_id in dropped)
