"""What executions and pods used, read for callers."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import BigInteger, ColumnElement, Connection, Select, Table, cast, func, select

from headrace.core.names import least_id
from headrace.core.usage import Consumer, Series, UsageFilter, UsageSample, Used
from headrace.store.moments import from_us
from headrace.store.tables import (
    OF_DELETED,
    deployments,
    execution_samples,
    execution_usages,
    executions,
    pipelines,
    pod_samples,
)
from headrace.store.usage import ALL_STEPS


@dataclass(frozen=True, slots=True)
class Ran:
    """An execution, as far as it matters for its use.

    Attributes:
        worker: The machine that it was measured on; None if it was not measured by itself.
        started_at: Its start, UTC, or None.
        ended_at: Its end, UTC, or None.
        pods_of: The deployment whose pods make it, or None.
    """

    worker: str | None
    started_at: datetime | None
    ended_at: datetime | None
    pods_of: str | None


def ran(connection: Connection, execution_id: str) -> Ran | None:
    """Return an execution; None if there is none."""
    c = executions.c
    query = (
        select(execution_usages.c.worker, c.started_at, c.ended_at, c.deployment_id)
        .add_columns(c.is_low_latency)
        .select_from(executions)
        .outerjoin(execution_usages, execution_usages.c.execution_id == c.id)
        .where(c.id == execution_id, ~OF_DELETED)
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    pods_of = row.deployment_id if row.is_low_latency and row.worker is None else None
    return Ran(row.worker, from_us(row.started_at), from_us(row.ended_at), pods_of)


def totals(
    connection: Connection, whose: UsageFilter, begin: datetime, end: datetime
) -> tuple[int, Used | None]:
    """Return how many executions were measured by themselves, and their use together.

    Only those that were recorded from one time on and before another.
    """
    c = execution_usages.c
    # A database may add up large integers as numbers of another kind.
    read, written = (cast(func.sum(column), BigInteger) for column in (c.read, c.written))
    query = (
        select(func.count(), func.sum(c.cpu_s), func.max(c.memory), read, written)
        .select_from(executions)
        .join(execution_usages, c.execution_id == executions.c.id)
        .where(executions.c.id >= least_id(begin), executions.c.id < least_id(end))
        .where(*_executions_of(whose))
    )
    count, *used = connection.execute(query).one()
    return count, Used(*used) if count else None


def series_of_executions(
    connection: Connection, whose: UsageFilter, begin_ms: int, end_ms: int, *, most: int
) -> list[Series] | None:
    """Return the samples of executions in a period; None if there are more than ``most``."""
    key = execution_samples.c.execution_id
    query = (
        select(execution_usages.c.worker, *execution_samples.c)
        .join(executions, executions.c.id == key)
        .join(execution_usages, execution_usages.c.execution_id == key)
        .where(*_executions_of(whose))
    )
    return _series(connection, query, execution_samples, begin_ms, end_ms, most)


def series_of_pods(
    connection: Connection, deployment_id: str, begin_ms: int, end_ms: int, *, most: int
) -> list[Series] | None:
    """Return the samples of a deployment's pods in a period; None if there are more than ``most``.

    A call is in the sample that ends after it, so the first one after the period belongs to it.
    """
    of_deployment = pod_samples.c.deployment_id == deployment_id
    query = select(*pod_samples.c).where(of_deployment)
    return _series(connection, query, pod_samples, begin_ms, end_ms, most)


def _series(
    connection: Connection,
    query: Select[tuple[object, ...]],
    table: Table,
    begin_ms: int,
    end_ms: int,
    most: int,
) -> list[Series] | None:
    c = table.c
    key = c.pod_id if table is pod_samples else c.execution_id
    query = query.where(c.step.in_(ALL_STEPS), c.at_ms >= begin_ms, c.at_ms < end_ms)
    ordered = query.order_by(key, c.at_ms).limit(most + 1)
    rows = connection.execute(ordered).mappings().all()
    if len(rows) > most:
        return None
    found = []
    for of_id, group in groupby(rows, lambda row: row[key]):
        some = list(group)
        consumer = Consumer(of_id, some[0].get("deployment_id"))
        samples = [
            UsageSample(**{name: row[name] for name in UsageSample.__slots__}) for row in some
        ]
        found.append(Series(some[0]["worker"], consumer, samples))
    return found


def _executions_of(whose: UsageFilter) -> list[ColumnElement[bool]]:
    c = executions.c
    conditions: list[ColumnElement[bool]] = []
    if whose.execution_id is not None:
        conditions.append(c.id == whose.execution_id)
    if whose.pipeline_name is not None:
        of_name = select(pipelines.c.id).where(pipelines.c.name == whose.pipeline_name)
        conditions.append(c.pipeline_id == of_name.scalar_subquery())
    if whose.deployment_name is not None:
        named = select(deployments.c.id).where(deployments.c.name == whose.deployment_name)
        conditions.append(c.deployment_id == named.scalar_subquery())
    return conditions
