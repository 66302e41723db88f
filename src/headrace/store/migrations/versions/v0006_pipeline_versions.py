"""Versions of pipelines, and a column that says the mode and not the temperature.

What a pipeline runs moves from its row to that of its first version, which has the pipeline's id as
its own. Rows of executions are not touched: a column that is added with a constant default is a
change of the schema alone, so that a million of them take no longer than one.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_MOVED = (
    "function_path",
    "function_name",
    "inputs",
    "outputs",
    "config",
    "origin",
    "bundle",
    "commit_id",
    "status",
    "environment",
    "failure",
)

_IS_DELETED = sa.text("deleted_at IS NOT NULL")


def upgrade() -> None:
    """Forward only."""
    op.create_table(
        "pipeline_versions",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column(
            "pipeline_id",
            sa.Text,
            sa.ForeignKey("pipelines.id", ondelete="CASCADE"),
            nullable=False,
        ),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("function_path", sa.Text, nullable=False),
        sa.Column("function_name", sa.Text, nullable=False),
        sa.Column("inputs", sa.Text, nullable=False),
        sa.Column("outputs", sa.Text, nullable=False),
        sa.Column("config", sa.Text, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("bundle", sa.Text, nullable=False),
        sa.Column("commit_id", sa.Text),
        sa.Column("message", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("environment", sa.Text),
        sa.Column("failure", sa.Text),
        sa.UniqueConstraint("pipeline_id", "number"),
        sa.CheckConstraint("number >= 1", name="number"),
        sa.CheckConstraint(
            "status IN ('creation_pending', 'ready', 'creation_failed')", name="status"
        ),
        sa.CheckConstraint(
            "(status = 'ready') <= (environment IS NOT NULL)", name="ready_has_environment"
        ),
    )
    names = ", ".join(("created_at", "created_by", *_MOVED))
    op.execute(
        f"INSERT INTO pipeline_versions (id, pipeline_id, number, {names}) "  # noqa: S608 - names of columns alone
        f"SELECT id, id, 1, {names} FROM pipelines"
    )
    # SQLite copies the table for it, which has a row for each pipeline. Whoever upgrades has put
    # foreign keys off.
    with op.batch_alter_table("pipelines", copy_from=_before()) as batch:
        for name in _MOVED:
            batch.drop_column(name)
        batch.add_column(
            sa.Column("current_version", sa.Integer, nullable=False, server_default="1")
        )
    op.add_column(
        "executions", sa.Column("pipeline_version", sa.Integer, nullable=False, server_default="1")
    )
    op.alter_column("executions", "is_warm", new_column_name="is_low_latency")


def _before() -> sa.Table:
    """Return the table that is copied, without its checks: they are those of the versions now."""
    return sa.Table(
        "pipelines",
        sa.MetaData(),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("description", sa.Text),
        *(sa.Column(name, sa.Text) for name in _MOVED),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.Text, nullable=False),
        sa.Column("deleted_at", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_pipelines"),
        sa.UniqueConstraint("name", name="uq_pipelines_name"),
        sa.Index(
            "ix_pipelines_deleted_at",
            "deleted_at",
            sqlite_where=_IS_DELETED,
            postgresql_where=_IS_DELETED,
        ),
    )
