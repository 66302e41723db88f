"""Metrics of executions."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def _of_execution(name: str, *columns: sa.Column[Any], key: tuple[str, ...] = ()) -> None:
    op.create_table(
        name,
        sa.Column("execution_id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        *columns,
        sa.ForeignKeyConstraint(["execution_id"], ["executions.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("execution_id", "name", *key),
    )


def upgrade() -> None:
    """Forward only."""
    for table, column in (
        ("metrics", sa.Column("value", sa.Float, nullable=False)),
        ("list_metrics", sa.Column("length", sa.Integer, nullable=False)),
    ):
        _of_execution(table, sa.Column("created_at", sa.BigInteger, nullable=False), column)
    _of_execution(
        "list_metric_parts",
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("doubles", sa.LargeBinary, nullable=False),
        key=("position",),
    )
    for table in ("metrics", "list_metrics"):
        op.create_index(f"ix_{table}_name_execution_id", table, ["name", "execution_id"])
