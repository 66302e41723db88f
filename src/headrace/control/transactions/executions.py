"""Transactions of an execution."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from headrace.control.transactions.reruns import link
from headrace.core.errors import Conflict, NotFound
from headrace.core.executions import Execution
from headrace.core.outcomes import CANCELLED
from headrace.store import attempts, deployments
from headrace.store import executions as rows
from headrace.store.deletion import is_deleted
from headrace.store.moments import to_us


@dataclass(frozen=True, slots=True)
class Key:
    """An idempotency key with what it was used for."""

    deployment_id: str
    key: str
    request_digest: str


def accept(
    connection: Connection,
    execution: Execution,
    worker_id: str | None,
    key: Key | None,
    *,
    once: bool = False,
) -> str:
    """Insert an execution, unless its key has one already; return the id of the key's execution.

    Args:
        connection: A connection.
        execution: The execution.
        worker_id: The worker that runs it at once, or None.
        key: The caller's key, or None.
        once: Of one that repeats another: only if none has done so yet.

    Raises:
        Conflict: The key was used for another request, or the execution was repeated already.
        NotFound: The pipeline or the deployment was deleted.
    """
    if key is not None:
        known = deployments.execution_of_key(connection, key.deployment_id, key.key)
        if known is not None:
            known_id, digest = known
            if digest != key.request_digest:
                raise Conflict(
                    f"The Idempotency-Key {key.key!r} was used for another request: use a new key "
                    "for each call that is meant to start something."
                )
            return known_id
    if is_deleted(connection, execution.pipeline_id, execution.deployment_id):
        gone = execution.deployment_name or execution.pipeline_name
        raise NotFound(f"{gone!r} was deleted in the meantime.")
    rows.add_execution(connection, execution, worker_id)
    link(connection, execution, once=once)
    if key is not None:
        deployments.claim_key(
            connection,
            key.deployment_id,
            key.key,
            execution_id=execution.id,
            request_digest=key.request_digest,
            at_us=to_us(execution.created_at),
        )
    return execution.id


def stop(connection: Connection, execution_id: str, at: datetime) -> None:
    """Ask the worker that runs an execution to stop it; end it, if it is pending again by now."""
    if not rows.end_pending(connection, execution_id, CANCELLED, at):
        attempts.request_cancel(connection, [execution_id], at)
