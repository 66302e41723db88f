"""Transactions that delete a pipeline or deployments."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from headrace.control.transactions import deployments as records
from headrace.core.errors import InUse
from headrace.core.pipelines import Pipeline
from headrace.core.sources import Rule
from headrace.store import deletion as rows
from headrace.store import deployments as deployment_rows

Named = tuple[str, str, Rule]
"""Id, name and rule of a deployment."""


def mark_deployments(
    connection: Connection, deployments: Sequence[str], at: datetime, worker_id: str
) -> None:
    """Hide deployments from everybody, their schedules settled until then."""
    for deployment_id in deployments:
        records.close(connection, deployment_id, at, worker_id)
        rows.mark_deployment(connection, deployment_id, at)


def mark_pipeline(
    connection: Connection,
    pipeline: Pipeline,
    at: datetime,
    worker_id: str,
    *,
    with_deployments: bool,
) -> list[Named]:
    """Hide a pipeline and its deployments from everybody; return these.

    Raises:
        InUse: It has deployments, and they are not to be deleted.
    """
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
