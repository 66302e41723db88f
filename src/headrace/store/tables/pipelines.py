"""Tables of pipelines and their versions."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from headrace.store.tables.metadata import metadata, partial

pipelines = Table(
    "pipelines",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("description", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    # Name of the step that it was made of.
    Column("step_name", Text),
    # Number of the version that whoever names the pipeline gets.
    Column("current_version", Integer, nullable=False, server_default="1"),
    # Since then it is gone for everybody; its executions go little by little.
    Column("deleted_at", BigInteger),
    partial("ix_pipelines_deleted_at", "deleted_at", where="deleted_at IS NOT NULL"),
)

pipeline_versions = Table(
    "pipeline_versions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("pipeline_id", Text, ForeignKey("pipelines.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("function_path", Text, nullable=False),
    Column("function_name", Text, nullable=False),
    Column("inputs", Text, nullable=False),
    Column("outputs", Text, nullable=False),
    Column("config", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("bundle", Text, nullable=False),
    Column("commit_id", Text),
    Column("message", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("environment", Text),
    Column("failure", Text),
    # How its function is called: by the specification, or by its type hints.
    Column("calling", Text, nullable=False, server_default="platform"),
    # Since then its folder and its environment need not be there any more.
    Column("discarded_at", BigInteger),
    # Whether it becomes current although it breaks a deployment or a caller.
    Column("is_forced", Boolean, nullable=False, server_default=text("false")),
    # Why it does not become current when its build has ended.
    Column("held_back", Text),
    # The facts about the pipeline template that its code is of.
    Column("template", Text),
    UniqueConstraint("pipeline_id", "number"),
    CheckConstraint("number >= 1", name="number"),
    CheckConstraint("status IN ('creation_pending', 'ready', 'creation_failed')", name="status"),
    CheckConstraint(
        "(status = 'ready') <= (environment IS NOT NULL)", name="ready_has_environment"
    ),
)
