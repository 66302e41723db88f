"""Versions know the pipeline template that their code is of.

The column is null, so that no table is copied or filled.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Forward only."""
    op.add_column("pipeline_versions", sa.Column("template", sa.Text))
