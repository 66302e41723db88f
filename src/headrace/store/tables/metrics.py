"""Tables of metrics."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from headrace.store.tables.metadata import metadata


def _execution_id() -> Column[str]:
    reference = ForeignKey("executions.id", ondelete="CASCADE")
    return Column("execution_id", Text, reference, primary_key=True)


metrics = Table(
    "metrics",
    metadata,
    _execution_id(),
    Column("name", Text, primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    Column("value", Float, nullable=False),
    Index("ix_metrics_name_execution_id", "name", "execution_id"),
)

list_metrics = Table(
    "list_metrics",
    metadata,
    _execution_id(),
    Column("name", Text, primary_key=True),
    Column("created_at", BigInteger, nullable=False),
    Column("length", Integer, nullable=False),
    Index("ix_list_metrics_name_execution_id", "name", "execution_id"),
)

list_metric_parts = Table(
    "list_metric_parts",
    metadata,
    _execution_id(),
    Column("name", Text, primary_key=True),
    # How many values came before.
    Column("position", Integer, primary_key=True),
    # Eight bytes each, little-endian.
    Column("doubles", LargeBinary, nullable=False),
)
