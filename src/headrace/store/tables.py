"""The schema, with the rules that the database itself keeps.

Times are integers: microseconds since 1970, UTC. JSON is text.
"""

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
    MetaData,
    Table,
    Text,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

users = Table(
    "users",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
)

sdk_tokens = Table(
    "sdk_tokens",
    metadata,
    Column("id", Text, primary_key=True),
    Column("user_id", Text, ForeignKey("users.id"), nullable=False),
    Column("name", Text, nullable=False, unique=True),
    Column("digest", Text, nullable=False, unique=True),
    Column("created_at", BigInteger, nullable=False),
)

settings = Table(
    "settings",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

variables = Table(
    "variables",
    metadata,
    Column("name", Text, primary_key=True),
    Column("sealed_value", LargeBinary, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
)

pipelines = Table(
    "pipelines",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("description", Text),
    Column("function_path", Text, nullable=False),
    Column("function_name", Text, nullable=False),
    Column("inputs", Text, nullable=False),
    Column("outputs", Text, nullable=False),
    Column("config", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("bundle", Text, nullable=False),
    Column("environment", Text),
    Column("commit_id", Text),
    Column("failure", Text),
    CheckConstraint("status IN ('creation_pending', 'ready', 'creation_failed')", name="status"),
    CheckConstraint(
        "(status = 'ready') <= (environment IS NOT NULL)", name="ready_has_environment"
    ),
)

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
    CheckConstraint("rule IN ('endpoint', 'periodic')", name="rule"),
    CheckConstraint("mode IN ('elastic', 'low_latency')", name="mode"),
    CheckConstraint(
        "(rule = 'endpoint') = (url_path IS NOT NULL AND sealed_token IS NOT NULL)",
        name="endpoint_has_url_and_token",
    ),
    Index("ix_deployments_pipeline_id", "pipeline_id"),
)

executions = Table(
    "executions",
    metadata,
    Column("id", Text, primary_key=True),
    Column("pipeline_id", Text, ForeignKey("pipelines.id"), nullable=False),
    Column("pipeline_name", Text, nullable=False),
    Column("deployment_name", Text),
    Column("status", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("inputs", Text, nullable=False),
    Column("outputs", Text, nullable=False),
    Column("failure_kind", Text),
    Column("failure_message", Text),
    Column("attempt", Integer, nullable=False),
    # Which server runs it: only that one may write its end.
    Column("worker_id", Text),
    Column("deployment_id", Text, ForeignKey("deployments.id", ondelete="SET NULL")),
    Column("timeout_s", Float),
    CheckConstraint(
        "status IN ('Pending', 'Running', 'Succeeded', 'Failed', 'Error')", name="status"
    ),
    CheckConstraint(
        "(ended_at IS NOT NULL) = (status IN ('Succeeded', 'Failed', 'Error'))", name="end"
    ),
    CheckConstraint("(status = 'Running') <= (worker_id IS NOT NULL)", name="running_has_worker"),
    CheckConstraint("(failure_kind IS NOT NULL) = (status IN ('Failed', 'Error'))", name="failure"),
    Index("ix_executions_pipeline_id_id", "pipeline_id", "id"),
    Index(
        "ix_executions_deployment_id_id",
        "deployment_id",
        "id",
        sqlite_where=text("deployment_id IS NOT NULL"),
        postgresql_where=text("deployment_id IS NOT NULL"),
    ),
    # Only the unfinished are looked for by status; they are few among the millions.
    Index(
        "ix_executions_unfinished",
        "status",
        "id",
        sqlite_where=text("status IN ('Pending', 'Running')"),
        postgresql_where=text("status IN ('Pending', 'Running')"),
    ),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column(
        "deployment_id",
        Text,
        ForeignKey("deployments.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("key", Text, primary_key=True),
    Column("execution_id", Text, ForeignKey("executions.id", ondelete="CASCADE"), nullable=False),
    # Digest of what was sent, so that a key used for something else is noticed.
    Column("request_digest", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("ix_idempotency_keys_execution_id", "execution_id"),
    Index("ix_idempotency_keys_created_at", "created_at"),
)
