"""Ids of what has ended, so that its log will not grow."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, and_, or_, select

from headrace.core.pipelines import PipelineStatus
from headrace.store.tables import UNFINISHED, executions
from headrace.store.tables import pipeline_versions as versions


def ended_executions(connection: Connection, ids: Collection[str]) -> set[str]:
    """Return those of these ids that executions have which ended."""
    query = select(executions.c.id).where(executions.c.id.in_(ids), ~UNFINISHED)
    return set(connection.scalars(query))


def ended_builds(connection: Connection, build_ids: Collection[str]) -> set[str]:
    """Return those of these ids of builds that ended, whether well or not."""
    query = select(versions.c.id, versions.c.pipeline_id, versions.c.number).where(
        versions.c.status != PipelineStatus.PENDING.value,
        or_(
            versions.c.id.in_(build_ids),
            # The first build has the pipeline's id.
            and_(versions.c.pipeline_id.in_(build_ids), versions.c.number == 1),
        ),
    )
    return {
        row.pipeline_id if row.number == 1 else row.id for row in connection.execute(query)
    } & set(build_ids)
