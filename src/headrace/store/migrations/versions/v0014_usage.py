"""What executions and pods used, and the graphics processors of machines."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def _counts() -> list[sa.Column[Any]]:
    return [
        sa.Column("memory", sa.BigInteger, nullable=False),
        sa.Column("read", sa.BigInteger),
        sa.Column("written", sa.BigInteger),
    ]


def _period() -> list[sa.Column[Any]]:
    return [
        sa.Column("step", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("cpu", sa.Float, nullable=False),
    ]


def upgrade() -> None:
    """Forward only."""
    op.create_table(
        "execution_usages",
        sa.Column("execution_id", sa.Text, nullable=False),
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("cpu_s", sa.Float, nullable=False),
        *_counts(),
        sa.ForeignKeyConstraint(["execution_id"], ["executions.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("execution_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "execution_samples",
        sa.Column("execution_id", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        *_period(),
        *_counts(),
        sa.ForeignKeyConstraint(["execution_id"], ["executions.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("execution_id", "at_ms"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "pod_samples",
        sa.Column("pod_id", sa.Text, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("deployment_id", sa.Text, nullable=False),
        sa.Column("worker", sa.Text, nullable=False),
        *_period(),
        *_counts(),
        sa.PrimaryKeyConstraint("pod_id", "at_ms"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_pod_samples_deployment_id_at_ms", "pod_samples", ["deployment_id", "at_ms"])
    for table in ("execution_samples", "pod_samples"):
        op.create_index(f"ix_{table}_step_at_ms", table, ["step", "at_ms"])
    for name in ("gpu", "vram"):
        op.add_column("resource_samples", sa.Column(name, sa.Float))
