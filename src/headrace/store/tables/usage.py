"""Tables of what executions and pods used."""

from __future__ import annotations

from typing import Any

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Integer, Table, Text

from headrace.store.tables.metadata import metadata


def _execution_id() -> Column[str]:
    reference = ForeignKey("executions.id", ondelete="CASCADE")
    return Column("execution_id", Text, reference, primary_key=True)


def _counts() -> tuple[Column[Any], ...]:
    return (
        # Bytes at the highest.
        Column("memory", BigInteger, nullable=False),
        # Bytes; null where the machine does not count them.
        Column("read", BigInteger),
        Column("written", BigInteger),
    )


def _period() -> tuple[Column[Any], ...]:
    return (
        # Seconds of the grid that it was averaged to; 0 as it was taken.
        Column("step", Integer, nullable=False),
        Column("seconds", Float, nullable=False),
        # Percent of all processors.
        Column("cpu", Float, nullable=False),
    )


def _at_ms() -> Column[int]:
    return Column("at_ms", BigInteger, primary_key=True)


execution_usages = Table(
    "execution_usages",
    metadata,
    _execution_id(),
    Column("worker", Text, nullable=False),
    # Seconds of processor time.
    Column("cpu_s", Float, nullable=False),
    *_counts(),
    sqlite_with_rowid=False,
)

execution_samples = Table(
    "execution_samples",
    metadata,
    _execution_id(),
    _at_ms(),
    *_period(),
    *_counts(),
    Index("ix_execution_samples_step_at_ms", "step", "at_ms"),
    sqlite_with_rowid=False,
)

pod_samples = Table(
    "pod_samples",
    metadata,
    Column("pod_id", Text, primary_key=True),
    _at_ms(),
    # No reference: a month of samples would have to go with a deployment at once. They age instead.
    Column("deployment_id", Text, nullable=False),
    Column("worker", Text, nullable=False),
    *_period(),
    *_counts(),
    Index("ix_pod_samples_deployment_id_at_ms", "deployment_id", "at_ms"),
    Index("ix_pod_samples_step_at_ms", "step", "at_ms"),
    sqlite_with_rowid=False,
)
