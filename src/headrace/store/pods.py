"""What executions on record say of the pods that made them."""

from __future__ import annotations

from sqlalchemy import Connection, select

from headrace.core.deployments import Deployment
from headrace.core.executions import Status
from headrace.core.pipelines import Pipeline
from headrace.store.pipelines import pipeline_by_id
from headrace.store.tables import executions

_LOOKED_AT = 1000


def answered_last(connection: Connection, deployment: Deployment) -> Pipeline | None:
    """Return the pipeline of a deployment with the version that its pods had last.

    That is the version of the newest execution that they made. None if there is none among the
    latest, or if that version cannot run any more.
    """
    newest = (
        select(executions.c.pipeline_version, executions.c.is_low_latency, executions.c.status)
        .where(executions.c.deployment_id == deployment.id)
        .order_by(executions.c.id.desc())
        .limit(_LOOKED_AT)
    )
    for row in connection.execute(newest):
        if row.is_low_latency and row.status == Status.SUCCEEDED.value:
            found = pipeline_by_id(connection, deployment.pipeline.id, row.pipeline_version)
            return found if found is not None and found.version.can_run else None
    return None
