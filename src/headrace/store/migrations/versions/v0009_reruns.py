"""Which executions were run again.

A table and not an index of the column that says it the other way round: an index would read all
rows of executions while it is made.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Forward only."""
    op.create_table(
        "reruns",
        sa.Column(
            "execution_id",
            sa.Text,
            sa.ForeignKey("executions.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("rerun_id", sa.Text, nullable=False),
    )
