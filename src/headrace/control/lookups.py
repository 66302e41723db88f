"""Lookups: lists and records that callers ask for, and nothing that changes anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from headrace.control.transactions.verification import verify_ledger
from headrace.core.clock import now
from headrace.core.deployments import Deployment
from headrace.core.errors import NotFound
from headrace.core.execution_filters import Count, ExecutionFilter, ExecutionPage
from headrace.core.executions import Execution, Status
from headrace.core.health import Health
from headrace.core.ledger import LedgerRow, Verification
from headrace.core.pipelines import Pipeline
from headrace.core.schedules import Fate
from headrace.core.scopes import Scope
from headrace.core.version_use import VersionUses
from headrace.store import (
    deployments,
    execution_counts,
    execution_search,
    executions,
    health,
    ledger,
    listings,
    pipelines,
    schedules,
    version_use,
)
from headrace.store.database import Reader


class Lookups:
    """Reads of the database for callers, by a connection that cannot write."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def revision(self, scope: Scope) -> str:
        """Return what differs after each change of anything that is on record."""
        return self._reader.revision

    async def pipelines(self, scope: Scope) -> list[Pipeline]:
        """Return all pipelines, oldest first."""
        return await self._reader.read(pipelines.all_pipelines)

    async def pipeline_page(
        self, scope: Scope, text: str, *, limit: int, skip: int
    ) -> Sequence[Pipeline]:
        """Return pipelines whose names have a text in any case, in the order of their names."""
        return await self._reader.read(listings.pipeline_page, text, limit=limit, skip=skip)

    async def deployment_page(
        self, scope: Scope, text: str, *, limit: int, skip: int
    ) -> Sequence[Deployment]:
        """Return deployments whose names have a text in any case, in the order of their names."""
        return await self._reader.read(listings.deployment_page, text, limit=limit, skip=skip)

    async def deployments_of(self, scope: Scope, pipeline: Pipeline) -> Sequence[str]:
        """Return the names of the deployments of a pipeline, oldest first."""
        found = await self._reader.read(deployments.deployments_of, pipeline.id)
        return [name for _, name, _ in found]

    async def has_pipelines(self, scope: Scope) -> bool:
        """Check whether there is any pipeline."""
        return await self._reader.read(pipelines.has_pipelines)

    async def latest_execution(self, scope: Scope, pipeline: Pipeline) -> str | None:
        """Return the id of a pipeline's newest execution, or None."""
        return await self._reader.read(
            execution_search.latest_id, ExecutionFilter(pipeline_id=pipeline.id)
        )

    async def pipeline_of(self, scope: Scope, execution: Execution) -> Pipeline:
        """Return the pipeline of an execution with the version that the execution has.

        Raises:
            NotFound: Both were deleted in the meantime.
        """
        pipeline = await self._reader.read(pipelines.pipeline_of, execution)
        if pipeline is None:
            raise NotFound(f"There is no execution {execution.id!r}.")
        return pipeline

    async def unfinished(self, scope: Scope) -> tuple[int, int]:
        """Return how many executions run, and how many wait to."""
        return await self._reader.read(executions.unfinished_counts)

    async def search(
        self,
        scope: Scope,
        wanted: ExecutionFilter,
        *,
        limit: int,
        before: str | None = None,
        after: str | None = None,
    ) -> ExecutionPage:
        """Return a page as :func:`headrace.store.execution_search.search` does."""
        return await self._reader.read(
            execution_search.search, wanted, limit=limit, before=before, after=after
        )

    async def summaries(self, scope: Scope, ids: Sequence[str]) -> Mapping[str, Execution]:
        """Return executions by their ids, without inputs and outputs, as far as there are such."""
        return await self._reader.read(executions.summaries_of, ids)

    async def count(self, scope: Scope, wanted: ExecutionFilter) -> Count:
        """Return how many executions fit."""
        return await self._reader.read(execution_counts.count_matching, wanted)

    async def counts(self, scope: Scope, wanted: ExecutionFilter) -> Mapping[Status | None, Count]:
        """Return how many executions fit, of each status and, under None, of all."""
        return await self._reader.read(execution_counts.count_by_status, wanted)

    async def statuses(self, scope: Scope, ids: Sequence[str]) -> Mapping[str | None, Status]:
        """Return the status of each execution that is still on record, by id."""
        return await self._reader.read(executions.statuses_of, ids)

    async def health(self, scope: Scope, ids: Sequence[str]) -> Mapping[str, Health]:
        """Return the ends of the latest executions of deployments, by id."""
        return await self._reader.read(health.health_of, ids)

    async def version_uses(self, scope: Scope, pipeline: Pipeline) -> VersionUses:
        """Return what became of the newest executions of a pipeline, by version."""
        return await self._reader.read(version_use.version_uses, pipeline.id)

    async def ledger(
        self,
        scope: Scope,
        name: str,
        *,
        limit: int,
        before: datetime | None,
        since: datetime | None,
        fate: Fate | None,
    ) -> list[LedgerRow]:
        """Return rows of the ledger of the latest deployment that had a name, newest first.

        Raises:
            NotFound: No deployment of that name ever had a schedule.
        """
        known = await self._reader.read(schedules.deployments_named, name)
        if not known:
            raise NotFound(f"There is no periodic deployment {name!r}, and there never was.")
        return await self._reader.read(
            ledger.list_rows, known[-1][0], limit=limit, before=before, since=since, fate=fate
        )

    async def verification(
        self, scope: Scope, name: str | None, since: datetime | None, until: datetime | None
    ) -> list[tuple[str, str, Verification]]:
        """Return id, name and verification of deployments, those deleted included.

        Raises:
            NotFound: No deployment of that name ever had a schedule.
        """
        return await self._reader.read(verify_ledger, name, since, until, now())
