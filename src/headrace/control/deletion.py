"""The one way in which pipelines and deployments are deleted."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import Connection

from headrace.control import deployment_records
from headrace.control.admission import Admission
from headrace.control.clock import now
from headrace.control.endpoint_cache import EndpointCache
from headrace.control.warm import Pods
from headrace.core.errors import InUse
from headrace.core.pipelines import Pipeline
from headrace.core.sources import Rule
from headrace.store import deletion as rows
from headrace.store import deployments as deployment_rows
from headrace.store.database import Database
from headrace.store.deletion import Deleted, Kind

PODS_PATIENCE_S = 20.0
"""How long a caller waits for pods to end, once executions are stopped."""

Named = tuple[str, str, Rule]
"""Id, name and rule of a deployment."""


class Removal(Protocol):
    """What stops the executions of something deleted and takes its rows away."""

    async def remove(self, deleted: Deleted) -> None:
        """Have it done, and return when it is done, or after a while that a caller may wait."""
        ...


class Deletion:
    """Deletes: on record first, then unreachable, then stopped, then removed."""

    def __init__(
        self,
        database: Database,
        endpoints: EndpointCache,
        admission: Admission,
        pods: Pods,
        removal: Removal,
    ) -> None:
        self._database = database
        self._endpoints = endpoints
        self._admission = admission
        self._pods = pods
        self._removal = removal

    async def of_deployment(self, deployment_id: str) -> None:
        """Delete a deployment; what it has pending or running is cancelled, its history stays."""
        await self._database.write(
            mark_deployments, [deployment_id], now(), self._admission.worker_id
        )
        await self._finish(Deleted(Kind.DEPLOYMENT, deployment_id), [deployment_id])

    async def of_pipeline(self, pipeline: Pipeline, *, with_deployments: bool) -> list[Named]:
        """Delete a pipeline with its executions and its deployments, and return these.

        Raises:
            InUse: It has deployments, and they are not to be deleted.
        """
        deployments = await self._database.write(
            _mark_pipeline,
            pipeline,
            now(),
            self._admission.worker_id,
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


def mark_deployments(
    connection: Connection, deployments: Sequence[str], at: datetime, worker_id: str
) -> None:
    """Have deployments be gone for everybody, their schedules settled until then."""
    for deployment_id in deployments:
        deployment_records.close(connection, deployment_id, at, worker_id)
        rows.mark_deployment(connection, deployment_id, at)


def _mark_pipeline(
    connection: Connection,
    pipeline: Pipeline,
    at: datetime,
    worker_id: str,
    *,
    with_deployments: bool,
) -> list[Named]:
    deployments = deployment_rows.deployments_of(connection, pipeline.id)
    if deployments and not with_deployments:
        raise in_use(pipeline, deployments)
    mark_deployments(
        connection, [deployment_id for deployment_id, _, _ in deployments], at, worker_id
    )
    rows.mark_pipeline(connection, pipeline.id, at)
    return deployments


def in_use(pipeline: Pipeline, deployments: Sequence[Named]) -> InUse:
    """Return the error that names the deployments of a pipeline."""
    names = [name for _, name, _ in deployments]
    return InUse(
        f"Pipeline {pipeline.name!r} is used by the deployments {', '.join(names)}: delete them "
        "first, or set force_deployments_deletion.",
        details={"deployments": names},
    )
