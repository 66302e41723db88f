"""Low-latency deployments, and indexes by which unfinished and failed executions are found.

For some days these were part of 0003, which was edited after it had landed. A database may have
all of it, the indexes alone, or nothing of it; afterwards all are equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_INDEXES = (
    # The first had a condition by which no query was planned.
    ("ix_executions_unfinished", ["status", "id"], "ended_at IS NULL"),
    ("ix_executions_unfinished_of", ["deployment_id", "id"], "ended_at IS NULL"),
    ("ix_executions_failed", ["status", "id"], "failure_kind IS NOT NULL"),
)


def upgrade() -> None:
    """Forward only."""
    inspector = sa.inspect(op.get_bind())
    if "low_latency" not in _names(inspector.get_columns("deployments")):
        op.add_column("deployments", sa.Column("low_latency", sa.Text))
    if "is_warm" not in _names(inspector.get_columns("executions")):
        op.add_column(
            "executions",
            sa.Column("is_warm", sa.Boolean, nullable=False, server_default=sa.text("false")),
        )
    present = _names(inspector.get_indexes("executions"))
    if "ix_executions_unfinished_of" in present:
        return
    op.drop_index("ix_executions_unfinished", "executions")
    for name, columns, condition in _INDEXES:
        op.create_index(
            name,
            "executions",
            columns,
            sqlite_where=sa.text(condition),
            postgresql_where=sa.text(condition),
        )


def _names(described: Iterable[Mapping[str, Any]]) -> set[str]:
    return {str(item["name"]) for item in described}
