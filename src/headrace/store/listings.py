"""Pages of lists, in the order of names: as many rows are read as are shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, or_, select

from headrace.core.deployments import Deployment
from headrace.core.pipelines import Pipeline
from headrace.store.deployments import deployment_from
from headrace.store.pipelines import CURRENT, IS_HIDDEN, WITH_VERSIONS, pipeline_from
from headrace.store.schedules import schedules_of
from headrace.store.tables import deployments, pipeline_versions, pipelines

_AT_ONCE = 200
"""Rows whose pipelines and schedules are read by one query."""


def pipeline_page(connection: Connection, text: str, *, limit: int, skip: int) -> list[Pipeline]:
    """Return pipelines whose names have a text in any case, in the order of their names."""
    query = _named(CURRENT.where(~IS_HIDDEN), pipelines, text, limit=limit, skip=skip)
    return [pipeline_from(row) for row in connection.execute(query)]


def deployment_page(
    connection: Connection, text: str, *, limit: int, skip: int
) -> list[Deployment]:
    """Return deployments whose names have a text in any case, in the order of their names."""
    kept = select(deployments).where(deployments.c.deleted_at.is_(None))
    rows = connection.execute(_named(kept, deployments, text, limit=limit, skip=skip)).all()
    return _deployments(connection, rows)


def all_deployments(connection: Connection) -> list[Deployment]:
    """Return all deployments, oldest first."""
    kept = select(deployments).where(deployments.c.deleted_at.is_(None))
    ordered = kept.order_by(deployments.c.created_at, deployments.c.id)
    return _deployments(connection, connection.execute(ordered).all())


def deployments_by_id(connection: Connection, ids: Sequence[str]) -> dict[str, Deployment]:
    """Return deployments by their ids; one that is gone is left out."""
    found: dict[str, Deployment] = {}
    for begin in range(0, len(ids), _AT_ONCE):
        some = deployments.c.id.in_(ids[begin : begin + _AT_ONCE])
        kept = select(deployments).where(some, deployments.c.deleted_at.is_(None))
        found |= {one.id: one for one in _deployments(connection, connection.execute(kept).all())}
    return found


def _deployments(connection: Connection, rows: Sequence[Any]) -> list[Deployment]:
    """Return the deployments of rows in their order, with few queries however many they are."""
    found = []
    for begin in range(0, len(rows), _AT_ONCE):
        some = rows[begin : begin + _AT_ONCE]
        schedules = schedules_of(connection, [row.id for row in some])
        known = _pipelines(connection, {(row.pipeline_id, row.pinned_version) for row in some})
        found += [
            deployment_from(row, pipeline, schedules.get(row.id))
            for row in some
            if (pipeline := known.get((row.pipeline_id, row.pinned_version))) is not None
        ]
    return found


def _pipelines(
    connection: Connection, wanted: set[tuple[str, int | None]]
) -> dict[tuple[str, int | None], Pipeline]:
    """Return pipelines with the versions that are pinned, or else with their current ones."""
    following = [pipeline_id for pipeline_id, number in wanted if number is None]
    found: dict[tuple[str, int | None], Pipeline] = {}
    for row in connection.execute(CURRENT.where(pipelines.c.id.in_(following))):
        found[row.id, None] = pipeline_from(row)
    pinned = [
        and_(pipelines.c.id == pipeline_id, pipeline_versions.c.number == number)
        for pipeline_id, number in wanted
        if number is not None
    ]
    if pinned:
        for row in connection.execute(WITH_VERSIONS.where(or_(*pinned))):
            found[row.id, row.version_number] = pipeline_from(row)
    return found


def _named(query: Select[Any], table: Table, text: str, *, limit: int, skip: int) -> Select[Any]:
    name: ColumnElement[str] = table.c.name
    if text:
        query = query.where(name.icontains(text, autoescape=True))
    return query.order_by(name).limit(limit).offset(skip)
