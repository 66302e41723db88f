"""Tables of schedules, and of the ledger of their fire times."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Float, ForeignKey, Index, Table, Text

from headrace.store.tables.metadata import metadata, partial

schedules = Table(
    "schedules",
    metadata,
    Column(
        "deployment_id",
        Text,
        ForeignKey("deployments.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("expression", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    Column("missed", Text, nullable=False),
    Column("missed_window_s", Float, nullable=False),
    Column("overlap", Text, nullable=False),
    Column("jitter_s", Float, nullable=False),
    # The first fire time that the ledger does not have, and when it is acted on.
    Column("next_fire_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    CheckConstraint("missed IN ('skip', 'latest', 'all')", name="missed"),
    CheckConstraint(
        "overlap IN ('parallel', 'skip', 'queue_one', 'cancel_running')", name="overlap"
    ),
    CheckConstraint("due_at >= next_fire_at", name="due"),
    Index("ix_schedules_due_at", "due_at"),
)

# The ledger and its revisions outlive the deployment: they are what proves what happened.
schedule_revisions = Table(
    "schedule_revisions",
    metadata,
    Column("deployment_id", Text, primary_key=True),
    Column("since", BigInteger, primary_key=True),
    Column("until", BigInteger),
    Column("deployment_name", Text, nullable=False),
    Column("expression", Text, nullable=False),
    Column("timezone", Text, nullable=False),
    CheckConstraint("until IS NULL OR until >= since", name="until"),
    Index("ix_schedule_revisions_deployment_name", "deployment_name"),
)

ledger = Table(
    "ledger",
    metadata,
    Column("deployment_id", Text, primary_key=True),
    Column("fire_at", BigInteger, primary_key=True),
    Column("fate", Text, nullable=False),
    Column("execution_id", Text),
    Column("detail", Text, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("recorded_by", Text, nullable=False),
    CheckConstraint(
        "fate IN ('ran', 'caught_up', 'overlapped', 'paused', 'missed', 'failed')", name="fate"
    ),
    CheckConstraint("(fate IN ('ran', 'caught_up')) = (execution_id IS NOT NULL)", name="ran"),
    Index("ix_ledger_fire_at", "fire_at"),
    # Those that ran have an execution, and are most of them.
    partial("ix_ledger_unfired", "fire_at", where="execution_id IS NULL"),
)
