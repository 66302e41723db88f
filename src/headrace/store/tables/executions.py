"""Tables of executions, their attempts and keys, and of the workers that run them."""

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
    Table,
    Text,
    and_,
    or_,
    select,
    text,
)

from headrace.store.tables.deployments import deployments
from headrace.store.tables.metadata import metadata, partial
from headrace.store.tables.pipelines import pipelines

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
    Column("is_low_latency", Boolean, nullable=False, server_default=text("false")),
    # The fire time that it was recorded for.
    Column("fire_at", BigInteger),
    # Number of the version that it runs. No reference: versions go with their pipeline, which stays
    # for as long as an execution refers to it, and each row would have to be looked up.
    Column("pipeline_version", Integer, nullable=False, server_default="1"),
    # Id of the execution that it repeats, which may be gone.
    Column("rerun_of", Text),
    # Files that go along with its code, as JSON; null for none.
    Column("attachments", Text),
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
    partial(
        "ix_executions_deployment_id_id", "deployment_id", "id", where="deployment_id IS NOT NULL"
    ),
    # A query uses one of these only if it has the condition of the index word by word, so those of
    # the store ask for both: a status, and what the status implies (UNFINISHED, FAILED).
    partial("ix_executions_unfinished", "status", "id", where="ended_at IS NULL"),
    partial("ix_executions_unfinished_of", "deployment_id", "id", where="ended_at IS NULL"),
    partial("ix_executions_failed", "status", "id", where="failure_kind IS NOT NULL"),
    # Calls that succeed, which are nearly all, are in none of those that follow.
    partial(
        "ix_executions_failed_of_pipeline",
        *("pipeline_id", "status", "id"),
        where="failure_kind IS NOT NULL",
    ),
    partial(
        "ix_executions_failed_of_deployment",
        *("deployment_id", "status", "id"),
        where="failure_kind IS NOT NULL",
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

reruns = Table(
    "reruns",
    metadata,
    Column(
        "execution_id",
        Text,
        ForeignKey("executions.id", ondelete="CASCADE"),
        primary_key=True,
    ),
    # Id of the newest execution that repeats it, which may be gone.
    Column("rerun_id", Text, nullable=False),
)

workers = Table(
    "workers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("started_at", BigInteger, nullable=False),
    # Of a time when workers had leases.
    Column("expires_at", BigInteger, nullable=False),
)

UNFINISHED = executions.c.ended_at.is_(None)
"""Whether an execution is pending or running, in the words of the index."""

IS_RUNNING = and_(UNFINISHED, executions.c.status == "Running")
"""Whether a worker runs an execution, in the words of the index."""

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
