"""Rows of metrics."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    func,
    insert,
    select,
    tuple_,
    update,
)

from headrace.core.metrics import Metric, MetricFilter
from headrace.store.moments import from_us
from headrace.store.tables import (
    OF_DELETED,
    executions,
    list_metric_parts,
    list_metrics,
    metrics,
)
from headrace.store.upserts import put


def whose(connection: Connection, execution_id: str) -> tuple[str | None, bool] | None:
    """Return the deployment of an execution and whether it has ended; None if there is none."""
    row = connection.execute(
        select(executions.c.deployment_id, executions.c.ended_at).where(
            executions.c.id == execution_id, ~OF_DELETED
        )
    ).one_or_none()
    return None if row is None else (row.deployment_id, row.ended_at is not None)


def has_metric(connection: Connection, table: Table, execution_id: str, name: str) -> bool:
    """Check whether an execution has a metric of a name, single or list as ``table`` says."""
    found = connection.scalar(
        select(table.c.name).where(table.c.execution_id == execution_id, table.c.name == name)
    )
    return found is not None


def count_names(connection: Connection, table: Table, execution_id: str) -> int:
    """Return how many metrics an execution has, single or list as ``table`` says."""
    return (
        connection.scalar(
            select(func.count()).select_from(table).where(table.c.execution_id == execution_id)
        )
        or 0
    )


def put_metric(
    connection: Connection, execution_id: str, name: str, value: float, at_us: int
) -> None:
    """Insert a single metric, or replace its value."""
    key = {"execution_id": execution_id, "name": name}
    put(connection, metrics, key, {"value": value, "created_at": at_us})


def length_of_list(connection: Connection, execution_id: str, name: str) -> int | None:
    """Return how many values a list metric has, or None if there is none of that name."""
    return connection.scalar(
        select(list_metrics.c.length).where(
            list_metrics.c.execution_id == execution_id, list_metrics.c.name == name
        )
    )


def add_to_list(
    connection: Connection,
    execution_id: str,
    name: str,
    values: Sequence[float],
    length: int | None,
    at_us: int,
) -> None:
    """Add values to the end of a list metric.

    Args:
        connection: In a transaction.
        execution_id: Whose metric.
        name: Its name.
        values: The values.
        length: What :func:`length_of_list` has returned in this transaction.
        at_us: Now, in microseconds since 1970 UTC.
    """
    key = {"execution_id": execution_id, "name": name}
    if length is None:
        row = {"created_at": at_us, "length": len(values)}
        connection.execute(insert(list_metrics).values(**key, **row))
    else:
        connection.execute(
            update(list_metrics)
            .where(list_metrics.c.execution_id == execution_id, list_metrics.c.name == name)
            .values(length=length + len(values))
        )
    doubles = struct.pack(f"<{len(values)}d", *values)
    part = {"position": length or 0, "doubles": doubles}
    connection.execute(insert(list_metric_parts).values(**key, **part))


def page_of_metrics(
    connection: Connection, wanted: MetricFilter, *, limit: int, skip: int
) -> tuple[list[Metric], int]:
    """Return a page of single metrics, oldest execution first, and how many there are in all."""
    found = _page(metrics, wanted, limit, skip)
    rows = connection.execute(found.add_columns(metrics.c.value)).all()
    return [_measured(row, (row.value,)) for row in rows], _total(connection, metrics, wanted)


def page_of_lists(
    connection: Connection, wanted: MetricFilter, *, limit: int, skip: int, most_values: int
) -> tuple[list[Metric] | None, int]:
    """Return a page of list metrics, oldest execution first, and how many there are in all.

    The page is None if its lists have more than ``most_values`` values together.
    """
    total = _total(connection, list_metrics, wanted)
    found = _page(list_metrics, wanted, limit, skip).add_columns(list_metrics.c.length)
    rows = connection.execute(found).all()
    if sum(row.length for row in rows) > most_values:
        return None, total
    values = _values_of(connection, [(row.execution_id, row.name) for row in rows])
    return [_measured(row, values[row.execution_id, row.name]) for row in rows], total


_KEYS_AT_ONCE = 300
"""A statement takes so many parameters, and the databases' limits differ."""


def _values_of(
    connection: Connection, keys: Sequence[tuple[str, str]]
) -> dict[tuple[str, str], tuple[float, ...]]:
    parts = list_metric_parts.c
    blobs: dict[tuple[str, str], bytearray] = {key: bytearray() for key in keys}
    for begin in range(0, len(keys), _KEYS_AT_ONCE):
        some = keys[begin : begin + _KEYS_AT_ONCE]
        rows = connection.execute(
            select(parts.execution_id, parts.name, parts.doubles)
            .where(tuple_(parts.execution_id, parts.name).in_(some))
            .order_by(parts.position)
        )
        for execution_id, name, doubles in rows:
            blobs[execution_id, name] += doubles
    return {key: struct.unpack(f"<{len(blob) // 8}d", blob) for key, blob in blobs.items()}


def _page(table: Table, wanted: MetricFilter, limit: int, skip: int) -> Select[Any]:
    columns = (
        table.c.name,
        table.c.created_at,
        table.c.execution_id,
        executions.c.pipeline_name,
        executions.c.deployment_name,
    )
    return (
        select(*columns)
        .join(executions, executions.c.id == table.c.execution_id)
        .where(*_conditions(table, wanted))
        .order_by(table.c.execution_id, table.c.name)
        .limit(limit)
        .offset(skip)
    )


def _total(connection: Connection, table: Table, wanted: MetricFilter) -> int:
    counted = (
        select(func.count())
        .select_from(table)
        .join(executions, executions.c.id == table.c.execution_id)
        .where(*_conditions(table, wanted))
    )
    return connection.scalar(counted) or 0


def _conditions(table: Table, wanted: MetricFilter) -> list[ColumnElement[bool]]:
    criteria = (
        (table.c.name, wanted.name),
        (executions.c.pipeline_name, wanted.pipeline_name),
        (executions.c.deployment_name, wanted.deployment_name),
        (table.c.execution_id, wanted.execution_id),
    )
    return [~OF_DELETED, *(column == text for column, text in criteria if text is not None)]


def _measured(row: Row[Any], values: tuple[float, ...]) -> Metric:
    return Metric(
        row.name,
        row.execution_id,
        row.pipeline_name,
        row.deployment_name,
        from_us(row.created_at),
        values,
    )
