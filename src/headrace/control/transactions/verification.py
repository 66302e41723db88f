"""The proof of the ledger, deployment by deployment."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from headrace.core.errors import NotFound
from headrace.core.ledger import Verification, verify
from headrace.store import ledger, settings
from headrace.store import schedules as rows
from headrace.store.moments import from_us

SETTLING = timedelta(seconds=5)
"""Fire times as young as this may still be on their way into the ledger."""


def verify_ledger(
    connection: Connection,
    name: str | None,
    since: datetime | None,
    until: datetime | None,
    now: datetime,
) -> list[tuple[str, str, Verification]]:
    """Return id, name and verification of deployments, those deleted included.

    Args:
        connection: A connection that only reads.
        name: Name of the deployments; None for all.
        since: Fire times after this instant; None for all that the ledger keeps.
        until: Fire times up to this instant; None for all that are due.
        now: The present.

    Raises:
        NotFound: No deployment of that name ever had a schedule.
    """
    found = rows.deployments_named(connection, name)
    if name is not None and not found:
        raise NotFound(f"There is no periodic deployment {name!r}, and there never was.")
    kept_since = ledger_kept_since(connection)
    start = kept_since if since is None else max(since, kept_since)
    verified = []
    for deployment_id, deployment_name in found:
        due = now - SETTLING - _offset(connection, deployment_id)
        end = due if until is None else min(until, due)
        revisions = rows.revisions_of(connection, deployment_id)
        fates = ledger.fates_between(connection, deployment_id, start, end)
        found_here = verify(revisions, fates, start, end)
        if revisions:
            # Looked at from further back, but there was nothing to expect before.
            found_here = replace(found_here, since=max(start, revisions[0].since))
        verified.append((deployment_id, deployment_name, found_here))
    return verified


def ledger_kept_since(connection: Connection) -> datetime:
    """Return the instant up to which rows may have been collected; nothing later was."""
    known = settings.read_setting(connection, settings.LEDGER_KEPT_SINCE)
    return datetime(1970, 1, 1, tzinfo=UTC) if known is None else from_us(int(known))


def _offset(connection: Connection, deployment_id: str) -> timedelta:
    row = rows.schedule_of(connection, deployment_id)
    return timedelta() if row is None else row.schedule.offset_for(deployment_id)
