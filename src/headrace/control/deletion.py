"""The one way in which pipelines and deployments are deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from headrace.control.admission import Admission
from headrace.control.endpoint_cache import EndpointCache
from headrace.control.transactions.deletion import Named, mark_deployments, mark_pipeline
from headrace.control.warm import Pods
from headrace.core.clock import now
from headrace.core.pipelines import Pipeline
from headrace.store.database import Database
from headrace.store.deletion import Deleted, Kind

PODS_PATIENCE_S = 20.0
"""Longest wait of a caller for pods to end, once executions are stopped."""


class Removal(Protocol):
    """The removal of something deleted: its executions are stopped, its rows taken away."""

    async def remove(self, deleted: Deleted) -> None:
        """Remove it; return when that is done, or after a while that a caller may wait."""
        ...


class Deletion:
    """Deletes: on record first, then unreachable, then stopped, then removed."""

    def __init__(
        self,
        database: Database,
        endpoints: EndpointCache,
        worker: Admission,
        pods: Pods,
        removal: Removal,
    ) -> None:
        self._database = database
        self._endpoints = endpoints
        self._worker = worker
        self._pods = pods
        self._removal = removal

    async def of_deployment(self, deployment_id: str) -> None:
        """Delete a deployment; what it has pending or running is cancelled, its history stays."""
        await self._database.write(mark_deployments, [deployment_id], now(), self._worker.worker_id)
        await self._finish(Deleted(Kind.DEPLOYMENT, deployment_id), [deployment_id])

    async def of_pipeline(self, pipeline: Pipeline, *, with_deployments: bool) -> list[Named]:
        """Delete a pipeline with its executions and its deployments, and return these.

        Raises:
            InUse: It has deployments, and they are not to be deleted.
        """
        deployments = await self._database.write(
            mark_pipeline,
            pipeline,
            now(),
            self._worker.worker_id,
            with_deployments=with_deployments,
        )
        await self._finish(
            Deleted(Kind.PIPELINE, pipeline.id),
            [deployment_id for deployment_id, _, _ in deployments],
        )
        return deployments

    async def _finish(self, deleted: Deleted, deployments: Sequence[str]) -> None:
        # Before the pods end: a call that comes now is refused, and not accepted and then deleted.
        self._endpoints.forget()
        for deployment_id in deployments:
            self._pods.begin_to_retire(deployment_id)
        retiring = [asyncio.ensure_future(self._pods.retire(each)) for each in deployments]
        await self._removal.remove(deleted)
        if retiring:
            # They end in any case; a caller sees them gone if that takes no longer.
            await asyncio.wait(retiring, timeout=PODS_PATIENCE_S)
