"""The table of deployments."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
)

from headrace.store.tables.metadata import metadata, partial

deployments = Table(
    "deployments",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("pipeline_id", Text, ForeignKey("pipelines.id"), nullable=False),
    Column("rule", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("description", Text),
    Column("sources", Text, nullable=False),
    Column("destinations", Text, nullable=False),
    Column("is_enabled", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("updated_by", Text, nullable=False),
    Column("url_path", Text, unique=True),
    Column("sealed_token", LargeBinary),
    Column("timeout_s", Float),
    Column("retries", Integer, nullable=False, server_default="0"),
    Column("retry_backoff_s", Float, nullable=False, server_default="10"),
    # How its pods are kept, as JSON; only of a low-latency one.
    Column("low_latency", Text),
    # Number of the version that it runs whichever is current; null follows the current one.
    Column("pinned_version", Integer),
    # Input values of a call that a new pod has to pass, as JSON.
    Column("probe", Text),
    # Files that are in the folder before the code is imported, as JSON.
    Column("attachments", Text),
    # Since then it is gone for everybody; its executions part with it little by little.
    Column("deleted_at", BigInteger),
    CheckConstraint("rule IN ('endpoint', 'periodic')", name="rule"),
    CheckConstraint("mode IN ('elastic', 'low_latency')", name="mode"),
    CheckConstraint(
        "(rule = 'endpoint') = (url_path IS NOT NULL AND sealed_token IS NOT NULL)",
        name="endpoint_has_url_and_token",
    ),
    Index("ix_deployments_pipeline_id", "pipeline_id"),
    partial("ix_deployments_deleted_at", "deleted_at", where="deleted_at IS NOT NULL"),
)
