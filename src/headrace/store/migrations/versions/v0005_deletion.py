"""Pipelines and deployments that were deleted, and whose executions go little by little."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_IS_DELETED = sa.text("deleted_at IS NOT NULL")


def upgrade() -> None:
    """Forward only."""
    for table in ("pipelines", "deployments"):
        op.add_column(table, sa.Column("deleted_at", sa.BigInteger))
        op.create_index(
            f"ix_{table}_deleted_at",
            table,
            ["deleted_at"],
            sqlite_where=_IS_DELETED,
            postgresql_where=_IS_DELETED,
        )
