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
    and_,
    or_,
    select,
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
    # Since then it is gone for everybody; its executions go little by little.
    Column("deleted_at", BigInteger),
    CheckConstraint("status IN ('creation_pending', 'ready', 'creation_failed')", name="status"),
    CheckConstraint(
        "(status = 'ready') <= (environment IS NOT NULL)", name="ready_has_environment"
    ),
    Index(
        "ix_pipelines_deleted_at",
        "deleted_at",
        sqlite_where=text("deleted_at IS NOT NULL"),
        postgresql_where=text("deleted_at IS NOT NULL"),
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
    Column("retries", Integer, nullable=False, server_default="0"),
    Column("retry_backoff_s", Float, nullable=False, server_default="10"),
    # How its pods are kept, as JSON; only of a low-latency one.
    Column("low_latency", Text),
    # Since then it is gone for everybody; its executions part with it little by little.
    Column("deleted_at", BigInteger),
    CheckConstraint("rule IN ('endpoint', 'periodic')", name="rule"),
    CheckConstraint("mode IN ('elastic', 'low_latency')", name="mode"),
    CheckConstraint(
        "(rule = 'endpoint') = (url_path IS NOT NULL AND sealed_token IS NOT NULL)",
        name="endpoint_has_url_and_token",
    ),
    Index("ix_deployments_pipeline_id", "pipeline_id"),
    Index(
        "ix_deployments_deleted_at",
        "deleted_at",
        sqlite_where=text("deleted_at IS NOT NULL"),
        postgresql_where=text("deleted_at IS NOT NULL"),
    ),
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
    Column("retries", Integer, nullable=False, server_default="0"),
    Column("retry_backoff_s", Float, nullable=False, server_default="10"),
    # A pending one does not start before this.
    Column("not_before", BigInteger),
    # Whether a pending one starts only after the earlier ones of its deployment have ended.
    Column("waits", Boolean, nullable=False, server_default=text("false")),
    # Whether it is for the pods of its deployment, and not for a slot.
    Column("is_warm", Boolean, nullable=False, server_default=text("false")),
    # The fire time that it was recorded for.
    Column("fire_at", BigInteger),
    # Set for a worker that is not this server's to read.
    Column("cancel_requested_at", BigInteger),
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
    # A query uses one of these only if it has the condition of the index word by word, so those of
    # the store ask for both: a status, and what the status implies (UNFINISHED, FAILED).
    Index(
        "ix_executions_unfinished",
        "status",
        "id",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index(
        "ix_executions_unfinished_of",
        "deployment_id",
        "id",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index(
        "ix_executions_failed",
        "status",
        "id",
        sqlite_where=text("failure_kind IS NOT NULL"),
        postgresql_where=text("failure_kind IS NOT NULL"),
    ),
)

UNFINISHED = executions.c.ended_at.is_(None)
"""Whether an execution is pending or running, in the words of the index."""

OF_DELETED = executions.c.pipeline_id.in_(
    select(pipelines.c.id).where(pipelines.c.deleted_at.is_not(None))
)
"""Whether an execution is gone for everybody, because its pipeline was deleted."""

IS_ORPHAN = or_(
    OF_DELETED,
    and_(
        # For none at all the answer of a database is neither yes nor no.
        executions.c.deployment_id.is_not(None),
        executions.c.deployment_id.in_(
            select(deployments.c.id).where(deployments.c.deleted_at.is_not(None))
        ),
    ),
)
"""Whether an execution must not start, because its pipeline or its deployment was deleted."""

FAILED = executions.c.failure_kind.is_not(None)
"""Whether an execution ended as ``Failed`` or ``Error``, in the words of the index."""

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

attempts = Table(
    "attempts",
    metadata,
    Column(
        "execution_id",
        Text,
        ForeignKey("executions.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    Column("attempt", Integer, primary_key=True),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=False),
    Column("failure_kind", Text, nullable=False),
    Column("failure_message", Text, nullable=False),
)

workers = Table(
    "workers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("started_at", BigInteger, nullable=False),
    # Until then nobody else may take what it runs; it is renewed long before.
    Column("expires_at", BigInteger, nullable=False),
)

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
)
