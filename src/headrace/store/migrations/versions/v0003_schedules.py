"""Schedules with their ledger, attempts of executions, and leases of workers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Forward only."""
    for table in ("deployments", "executions"):
        op.add_column(table, sa.Column("retries", sa.Integer, nullable=False, server_default="0"))
        op.add_column(
            table, sa.Column("retry_backoff_s", sa.Float, nullable=False, server_default="10")
        )
    op.add_column("executions", sa.Column("not_before", sa.BigInteger))
    op.add_column(
        "executions",
        sa.Column("waits", sa.Boolean, nullable=False, server_default=sa.text("false")),
    )
    op.add_column("executions", sa.Column("fire_at", sa.BigInteger))
    op.add_column("executions", sa.Column("cancel_requested_at", sa.BigInteger))
    _attempts()
    _workers()
    _schedules()
    _ledger()


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column(
            "execution_id",
            sa.Text,
            sa.ForeignKey("executions.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("attempt", sa.Integer, primary_key=True),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger, nullable=False),
        sa.Column("failure_kind", sa.Text, nullable=False),
        sa.Column("failure_message", sa.Text, nullable=False),
    )


def _workers() -> None:
    op.create_table(
        "workers",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
    )


def _schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column(
            "deployment_id",
            sa.Text,
            sa.ForeignKey("deployments.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("expression", sa.Text, nullable=False),
        sa.Column("timezone", sa.Text, nullable=False),
        sa.Column("missed", sa.Text, nullable=False),
        sa.Column("missed_window_s", sa.Float, nullable=False),
        sa.Column("overlap", sa.Text, nullable=False),
        sa.Column("jitter_s", sa.Float, nullable=False),
        sa.Column("next_fire_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger, nullable=False),
        sa.CheckConstraint("missed IN ('skip', 'latest', 'all')", name=op.f("ck_schedules_missed")),
        sa.CheckConstraint(
            "overlap IN ('parallel', 'skip', 'queue_one', 'cancel_running')",
            name=op.f("ck_schedules_overlap"),
        ),
        sa.CheckConstraint("due_at >= next_fire_at", name=op.f("ck_schedules_due")),
    )
    op.create_index("ix_schedules_due_at", "schedules", ["due_at"])


def _ledger() -> None:
    op.create_table(
        "schedule_revisions",
        sa.Column("deployment_id", sa.Text, primary_key=True),
        sa.Column("since", sa.BigInteger, primary_key=True),
        sa.Column("until", sa.BigInteger),
        sa.Column("deployment_name", sa.Text, nullable=False),
        sa.Column("expression", sa.Text, nullable=False),
        sa.Column("timezone", sa.Text, nullable=False),
        sa.CheckConstraint(
            "until IS NULL OR until >= since", name=op.f("ck_schedule_revisions_until")
        ),
    )
    op.create_index(
        "ix_schedule_revisions_deployment_name", "schedule_revisions", ["deployment_name"]
    )
    op.create_table(
        "ledger",
        sa.Column("deployment_id", sa.Text, primary_key=True),
        sa.Column("fire_at", sa.BigInteger, primary_key=True),
        sa.Column("fate", sa.Text, nullable=False),
        sa.Column("execution_id", sa.Text),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("recorded_at", sa.BigInteger, nullable=False),
        sa.Column("recorded_by", sa.Text, nullable=False),
        sa.CheckConstraint(
            "fate IN ('ran', 'caught_up', 'overlapped', 'paused', 'missed', 'failed')",
            name=op.f("ck_ledger_fate"),
        ),
        sa.CheckConstraint(
            "(fate IN ('ran', 'caught_up')) = (execution_id IS NOT NULL)",
            name=op.f("ck_ledger_ran"),
        ),
    )
    op.create_index("ix_ledger_fire_at", "ledger", ["fire_at"])
