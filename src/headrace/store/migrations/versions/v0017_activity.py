"""Counts of executions over time, and an index of the fire times that made none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Forward only."""
    op.create_table(
        "activity_counts",
        sa.Column("whose", sa.Text, nullable=False),
        sa.Column("step_s", sa.Integer, nullable=False),
        sa.Column("begin_s", sa.BigInteger, nullable=False),
        sa.Column("bin", sa.Integer, nullable=False),
        sa.Column("calls", sa.Integer, nullable=False),
        sa.Column("failed", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("whose", "step_s", "begin_s", "bin"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "activity_open",
        sa.Column("execution_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("execution_id"),
        sqlite_with_rowid=False,
    )
    # Those that ran have an execution, and are most of them.
    op.create_index(
        "ix_ledger_unfired",
        "ledger",
        ["fire_at"],
        sqlite_where=sa.text("execution_id IS NULL"),
        postgresql_where=sa.text("execution_id IS NULL"),
    )
