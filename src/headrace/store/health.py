"""How the latest executions of deployments ended."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, select

from headrace.core.executions import Status
from headrace.core.health import RECENT, Ending, Health
from headrace.core.outcomes import Failure, FailureKind
from headrace.store.moments import from_us
from headrace.store.tables import executions

_LOOKED_AT = 1000
"""How many of the newest rows are looked at: those that wait are among them, without a bound."""

_NEWEST = (
    select(
        executions.c.id,
        executions.c.status,
        executions.c.failure_kind,
        executions.c.failure_message,
        executions.c.ended_at,
    )
    .where(executions.c.deployment_id == bindparam("deployment_id"))
    .order_by(executions.c.id.desc())
    .limit(_LOOKED_AT)
    .subquery()
)
_ENDINGS = (
    select(_NEWEST)
    .where(_NEWEST.c.ended_at.is_not(None))
    .order_by(_NEWEST.c.id.desc())
    # Some may have been cancelled, which does not count.
    .limit(3 * RECENT)
)


def health_of(connection: Connection, deployment_ids: Sequence[str]) -> dict[str, Health]:
    """Return the health of deployments, by id."""
    return {deployment_id: _health(connection, deployment_id) for deployment_id in deployment_ids}


def _health(connection: Connection, deployment_id: str) -> Health:
    rows = connection.execute(_ENDINGS, {"deployment_id": deployment_id})
    return Health.of(
        [
            Ending(
                row.id,
                Status(row.status),
                None
                if row.failure_kind is None
                else Failure(FailureKind(row.failure_kind), row.failure_message or ""),
                from_us(row.ended_at),
            )
            for row in rows
        ]
    )
