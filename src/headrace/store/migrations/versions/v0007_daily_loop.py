"""What versions, deployments and executions say of deploying again, going back and running again.

Each column is null or has a constant default, so that no table is copied or filled.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Forward only."""
    op.add_column(
        "pipeline_versions",
        sa.Column("calling", sa.Text, nullable=False, server_default="platform"),
    )
    op.add_column("pipeline_versions", sa.Column("discarded_at", sa.BigInteger))
    op.add_column(
        "pipeline_versions",
        sa.Column("is_forced", sa.Boolean, nullable=False, server_default=sa.text("false")),
    )
    op.add_column("pipeline_versions", sa.Column("held_back", sa.Text))
    op.add_column("deployments", sa.Column("pinned_version", sa.Integer))
    op.add_column("deployments", sa.Column("probe", sa.Text))
    op.add_column("deployments", sa.Column("attachments", sa.Text))
    op.add_column("executions", sa.Column("rerun_of", sa.Text))
