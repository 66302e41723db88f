"""Deployments, the executions that come by them, and keys of repeated calls."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_HAS_DEPLOYMENT = sa.text("deployment_id IS NOT NULL")


def upgrade() -> None:
    """Forward only."""
    _deployments()
    # Written as SQL, because SQLite can add a column with its reference only in this form.
    op.execute(
        "ALTER TABLE executions ADD COLUMN deployment_id TEXT "
        "CONSTRAINT fk_executions_deployment_id REFERENCES deployments (id) ON DELETE SET NULL"
    )
    op.add_column("executions", sa.Column("timeout_s", sa.Float))
    op.create_index(
        "ix_executions_deployment_id_id",
        "executions",
        ["deployment_id", "id"],
        sqlite_where=_HAS_DEPLOYMENT,
        postgresql_where=_HAS_DEPLOYMENT,
    )
    _idempotency_keys()


def _deployments() -> None:
    op.create_table(
        "deployments",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("pipeline_id", sa.Text, sa.ForeignKey("pipelines.id"), nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("sources", sa.Text, nullable=False),
        sa.Column("destinations", sa.Text, nullable=False),
        sa.Column("is_enabled", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("updated_by", sa.Text, nullable=False),
        sa.Column("url_path", sa.Text),
        sa.Column("sealed_token", sa.LargeBinary),
        sa.Column("timeout_s", sa.Float),
        sa.UniqueConstraint("name", name="uq_deployments_name"),
        sa.UniqueConstraint("url_path", name="uq_deployments_url_path"),
        sa.CheckConstraint("rule IN ('endpoint', 'periodic')", name=op.f("ck_deployments_rule")),
        sa.CheckConstraint("mode IN ('elastic', 'low_latency')", name=op.f("ck_deployments_mode")),
        sa.CheckConstraint(
            "(rule = 'endpoint') = (url_path IS NOT NULL AND sealed_token IS NOT NULL)",
            name=op.f("ck_deployments_endpoint_has_url_and_token"),
        ),
    )
    op.create_index("ix_deployments_pipeline_id", "deployments", ["pipeline_id"])


def _idempotency_keys() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column(
            "deployment_id",
            sa.Text,
            sa.ForeignKey("deployments.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column(
            "execution_id",
            sa.Text,
            sa.ForeignKey("executions.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("request_digest", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_idempotency_keys_execution_id", "idempotency_keys", ["execution_id"])
    op.create_index("ix_idempotency_keys_created_at", "idempotency_keys", ["created_at"])
