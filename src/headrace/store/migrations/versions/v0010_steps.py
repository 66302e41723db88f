"""Pipelines know the step that they were made of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Forward only."""
    op.add_column("pipelines", sa.Column("step_name", sa.Text))
