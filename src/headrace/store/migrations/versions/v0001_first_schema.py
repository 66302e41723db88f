"""First schema: users, tokens, settings, variables, pipelines, executions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_UNFINISHED = sa.text("status IN ('Pending', 'Running')")


def upgrade() -> None:
    """Forward only."""
    _people()
    op.create_table(
        "settings",
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "variables",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("sealed_value", sa.LargeBinary, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
    )
    _pipelines()
    _executions()


def _people() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("email", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("email", name="uq_users_email"),
    )
    op.create_table(
        "sdk_tokens",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("user_id", sa.Text, sa.ForeignKey("users.id"), nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("name", name="uq_sdk_tokens_name"),
        sa.UniqueConstraint("digest", name="uq_sdk_tokens_digest"),
    )


def _pipelines() -> None:
    op.create_table(
        "pipelines",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        sa.Column("function_path", sa.Text, nullable=False),
        sa.Column("function_name", sa.Text, nullable=False),
        sa.Column("inputs", sa.Text, nullable=False),
        sa.Column("outputs", sa.Text, nullable=False),
        sa.Column("config", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("bundle", sa.Text, nullable=False),
        sa.Column("environment", sa.Text),
        sa.Column("commit_id", sa.Text),
        sa.Column("failure", sa.Text),
        sa.UniqueConstraint("name", name="uq_pipelines_name"),
        sa.CheckConstraint(
            "status IN ('creation_pending', 'ready', 'creation_failed')",
            name=op.f("ck_pipelines_status"),
        ),
        sa.CheckConstraint(
            "(status = 'ready') <= (environment IS NOT NULL)",
            name=op.f("ck_pipelines_ready_has_environment"),
        ),
    )


def _executions() -> None:
    op.create_table(
        "executions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("pipeline_id", sa.Text, sa.ForeignKey("pipelines.id"), nullable=False),
        sa.Column("pipeline_name", sa.Text, nullable=False),
        sa.Column("deployment_name", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("started_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("inputs", sa.Text, nullable=False),
        sa.Column("outputs", sa.Text, nullable=False),
        sa.Column("failure_kind", sa.Text),
        sa.Column("failure_message", sa.Text),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("worker_id", sa.Text),
        sa.CheckConstraint(
            "status IN ('Pending', 'Running', 'Succeeded', 'Failed', 'Error')",
            name=op.f("ck_executions_status"),
        ),
        sa.CheckConstraint(
            "(ended_at IS NOT NULL) = (status IN ('Succeeded', 'Failed', 'Error'))",
            name=op.f("ck_executions_end"),
        ),
        sa.CheckConstraint(
            "(status = 'Running') <= (worker_id IS NOT NULL)",
            name=op.f("ck_executions_running_has_worker"),
        ),
        sa.CheckConstraint(
            "(failure_kind IS NOT NULL) = (status IN ('Failed', 'Error'))",
            name=op.f("ck_executions_failure"),
        ),
    )
    op.create_index("ix_executions_pipeline_id_id", "executions", ["pipeline_id", "id"])
    op.create_index(
        "ix_executions_unfinished",
        "executions",
        ["status", "id"],
        sqlite_where=_UNFINISHED,
        postgresql_where=_UNFINISHED,
    )
