"""Which attached files an execution has.

The column is null, so that no table is copied or filled.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Forward only."""
    op.add_column("executions", sa.Column("attachments", sa.Text))
