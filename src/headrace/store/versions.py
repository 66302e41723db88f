"""Rows of the versions of one pipeline, and which of them is current."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, func, or_, select, tuple_, update

from headrace.core.pipelines import Pipeline, PipelineStatus
from headrace.store.moments import to_us
from headrace.store.pipelines import WITH_VERSIONS, pipeline_from
from headrace.store.tables import UNFINISHED, deployments, executions, pipelines
from headrace.store.tables import pipeline_versions as versions

FRESH = timedelta(hours=1)
"""How long the folder and the environment of a version stay in any case after it was discarded:
somebody may have chosen it at that moment, and pods may be finishing their calls."""

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


def build_ids(connection: Connection, pipeline_id: str) -> list[str]:
    """Return the ids by which the logs of a pipeline's builds are found."""
    found = select(versions.c.id).where(versions.c.pipeline_id == pipeline_id)
    return [pipeline_id, *connection.scalars(found)]


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


def discard_versions(
    connection: Connection, keep: int, in_pods: Collection[str], at: datetime
) -> int:
    """Let go of the folders and environments of old versions; return how many there were.

    Their rows stay, so that history stays true. What is current, pinned, in pods or of an execution
    that has not ended is kept in any case.

    Args:
        connection: A connection.
        keep: How many of each pipeline are kept of those that are ready, and of those that failed.
        in_pods: Ids of the versions that pods have.
        at: The present, UTC.
    """
    place = func.row_number().over(
        partition_by=(versions.c.pipeline_id, versions.c.status), order_by=versions.c.number.desc()
    )
    ended = (
        select(versions.c.id, versions.c.pipeline_id, versions.c.number, place.label("place"))
        .where(~_IS_PENDING, versions.c.discarded_at.is_(None))
        .subquery()
    )
    old = (
        select(ended.c.id)
        .join(pipelines, pipelines.c.id == ended.c.pipeline_id)
        .where(
            ended.c.place > keep,
            ended.c.number != pipelines.c.current_version,
            ended.c.id.not_in(in_pods),
            ~exists().where(
                deployments.c.pipeline_id == ended.c.pipeline_id,
                deployments.c.pinned_version == ended.c.number,
                deployments.c.deleted_at.is_(None),
            ),
            ~_is_unfinished(ended.c.pipeline_id, ended.c.number),
        )
    )
    result = connection.execute(
        update(versions).where(versions.c.id.in_(old)).values(discarded_at=to_us(at))
    )
    return result.rowcount


def digests_in_use(connection: Connection, at: datetime) -> tuple[set[str], set[str]]:
    """Return the digests of the bundles and of the environments that versions need.

    Those of a version that was discarded are needed for a while (:data:`FRESH`), and for as long as
    an execution has it that has not ended.
    """
    rows = connection.execute(
        select(versions.c.bundle, versions.c.environment).where(
            or_(
                versions.c.discarded_at.is_(None),
                versions.c.discarded_at > to_us(at - FRESH),
                _is_unfinished(versions.c.pipeline_id, versions.c.number),
            )
        )
    ).all()
    return {row.bundle for row in rows}, {row.environment for row in rows if row.environment}


def bundles_at_work(connection: Connection, in_pods: Collection[str]) -> set[str]:
    """Return the digests of the bundles that something runs, is to run soon, or is built from.

    Args:
        connection: A connection.
        in_pods: Ids of the versions that pods have.
    """
    query = select(versions.c.bundle).where(
        or_(
            _IS_PENDING,
            versions.c.id.in_(in_pods),
            _is_unfinished(versions.c.pipeline_id, versions.c.number),
        )
    )
    return set(connection.execute(query).scalars())


def _is_unfinished(pipeline_id: Any, number: Any) -> ColumnElement[bool]:
    """Return whether a version has an execution that has not ended, of which there are few."""
    return tuple_(pipeline_id, number).in_(
        select(executions.c.pipeline_id, executions.c.pipeline_version).where(UNFINISHED)
    )


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
