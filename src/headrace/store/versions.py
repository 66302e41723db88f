"""Rows of the versions of one pipeline, and which of them is current."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from headrace.core.pipelines import Pipeline, PipelineStatus
from headrace.store.pipelines import WITH_VERSIONS, pipeline_from
from headrace.store.tables import pipeline_versions as versions
from headrace.store.tables import pipelines

_IS_PENDING = versions.c.status == PipelineStatus.PENDING.value
_CAN_RUN = (versions.c.status == PipelineStatus.READY.value) & versions.c.discarded_at.is_(None)


def list_versions(
    connection: Connection, pipeline_id: str, *, limit: int, before: int | None = None
) -> list[Pipeline]:
    """Return a pipeline with each of its versions, newest first.

    Args:
        connection: A connection.
        pipeline_id: The pipeline.
        limit: How many at most.
        before: Number of the last one already seen.
    """
    query = WITH_VERSIONS.where(pipelines.c.id == pipeline_id)
    if before is not None:
        query = query.where(versions.c.number < before)
    rows = connection.execute(query.order_by(versions.c.number.desc()).limit(limit))
    return [pipeline_from(row) for row in rows]


def current_number(connection: Connection, pipeline_id: str) -> int | None:
    """Return the number of the current version of a pipeline, or None if it is gone."""
    query = select(pipelines.c.current_version).where(pipelines.c.id == pipeline_id)
    return connection.scalar(query)


def number_before(connection: Connection, pipeline_id: str, number: int) -> int | None:
    """Return the number of the latest version before another one that was current, or None.

    It is ready, and its folder and environment are kept.
    """
    return connection.scalar(
        select(versions.c.number)
        .where(
            versions.c.pipeline_id == pipeline_id,
            versions.c.number < number,
            _CAN_RUN,
            versions.c.held_back.is_(None),
        )
        .order_by(versions.c.number.desc())
        .limit(1)
    )


def make_current(connection: Connection, pipeline_id: str, number: int) -> None:
    """Have a version be the one that whoever names its pipeline gets."""
    connection.execute(
        update(pipelines).where(pipelines.c.id == pipeline_id).values(current_version=number)
    )
    connection.execute(
        update(versions)
        .where(versions.c.pipeline_id == pipeline_id, versions.c.number == number)
        .values(held_back=None)
    )


def describe(connection: Connection, pipeline_id: str, description: str) -> None:
    """Give a pipeline another description."""
    connection.execute(
        update(pipelines).where(pipelines.c.id == pipeline_id).values(description=description)
    )


def hold_back(connection: Connection, version_id: str, why: str) -> None:
    """Record why a version does not become current."""
    connection.execute(update(versions).where(versions.c.id == version_id).values(held_back=why))


def hold_back_pending(
    connection: Connection, pipeline_id: str, why: str, *, below: int | None = None
) -> None:
    """Record of the versions that are being built why they will not become current.

    Args:
        connection: A connection.
        pipeline_id: The pipeline.
        why: What they are told.
        below: Only those with a smaller number; None for all.
    """
    query = update(versions).where(versions.c.pipeline_id == pipeline_id, _IS_PENDING)
    if below is not None:
        query = query.where(versions.c.number < below)
    connection.execute(query.values(held_back=why))
