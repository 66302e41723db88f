"""Indexes of what failed of a pipeline or a deployment, and counts of calls by six hours."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

FAILED = sa.text("failure_kind IS NOT NULL")
HOUR_S, SIX_HOURS_S = 3600, 21_600


def upgrade() -> None:
    """Forward only."""
    for of in ("pipeline", "deployment"):
        op.create_index(
            f"ix_executions_failed_of_{of}",
            "executions",
            [f"{of}_id", "status", "id"],
            sqlite_where=FAILED,
            postgresql_where=FAILED,
        )
    # What was counted until now, in the periods in which a month is shown.
    op.execute(
        f"INSERT INTO activity_counts (whose, step_s, begin_s, bin, calls, failed) "  # noqa: S608 - own numbers
        f"SELECT whose, {SIX_HOURS_S}, begin_s / {SIX_HOURS_S} * {SIX_HOURS_S}, bin, "
        f"SUM(calls), SUM(failed) FROM activity_counts WHERE step_s = {HOUR_S} "
        f"GROUP BY whose, begin_s / {SIX_HOURS_S} * {SIX_HOURS_S}, bin"
    )
