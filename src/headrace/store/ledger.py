"""Rows of the ledger: what became of each fire time. They are added, never changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, func, insert, select

from headrace.core.ledger import LedgerRow
from headrace.core.schedules import Fate
from headrace.store.moments import from_us, to_us
from headrace.store.tables import ledger

COUNTED = 20_000
"""Fire times that are counted by day at most: two weeks of one each minute."""

_DAY_US = 86_400_000_000

_ADD = insert(ledger)
_FORGET = delete(ledger).where(
    ledger.c.deployment_id == bindparam("of_deployment"), ledger.c.fire_at == bindparam("at")
)


def add_rows(connection: Connection, rows: Sequence[LedgerRow]) -> None:
    """Insert rows.

    Raises:
        Duplicate: One of the fire times has a row already.
    """
    if rows:
        connection.execute(
            _ADD,
            [
                {
                    "deployment_id": row.deployment_id,
                    "fire_at": to_us(row.fire_at),
                    "fate": row.fate.value,
                    "execution_id": row.execution_id,
                    "detail": row.detail,
                    "recorded_at": to_us(row.recorded_at),
                    "recorded_by": row.recorded_by,
                }
                for row in rows
            ],
        )


def list_rows(
    connection: Connection,
    deployment_id: str,
    *,
    limit: int,
    before: datetime | None = None,
    since: datetime | None = None,
    fate: Fate | None = None,
) -> list[LedgerRow]:
    """Return rows of a deployment, newest first.

    Args:
        connection: A connection.
        deployment_id: Whose rows.
        limit: How many at most.
        before: Only fire times before this instant.
        since: Only fire times at or after this instant.
        fate: Only those with this fate.
    """
    query = select(ledger).where(ledger.c.deployment_id == deployment_id)
    if before is not None:
        query = query.where(ledger.c.fire_at < to_us(before))
    if since is not None:
        query = query.where(ledger.c.fire_at >= to_us(since))
    if fate is not None:
        query = query.where(ledger.c.fate == fate.value)
    found = connection.execute(query.order_by(ledger.c.fire_at.desc()).limit(limit))
    return [_ledger_row(row) for row in found]


def fates_of_days(
    connection: Connection, deployment_id: str, since: datetime
) -> dict[date, dict[Fate, int]]:
    """Return how many fire times of each day (UTC) had which fate, of the newest ones alone.

    A day of which not all of them are among those is left out.
    """
    newest = (
        select(ledger.c.fire_at, ledger.c.fate)
        .where(ledger.c.deployment_id == deployment_id, ledger.c.fire_at >= to_us(since))
        .order_by(ledger.c.fire_at.desc())
        .limit(COUNTED)
        .subquery()
    )
    day = (newest.c.fire_at // _DAY_US).label("day")
    rows = connection.execute(
        select(day, newest.c.fate, func.count()).group_by("day", newest.c.fate).order_by("day")
    ).all()
    if sum(count for _, _, count in rows) == COUNTED:
        rows = [row for row in rows if row.day != rows[0].day]
    found: dict[date, dict[Fate, int]] = {}
    for number, fate, count in rows:
        found.setdefault(from_us(number * _DAY_US).date(), {})[Fate(fate)] = count
    return found


def fire_times_since(connection: Connection, deployment_id: str, since: datetime) -> set[datetime]:
    """Return the fire times of a deployment at or after ``since`` that have a row."""
    found = connection.scalars(
        select(ledger.c.fire_at).where(
            ledger.c.deployment_id == deployment_id, ledger.c.fire_at >= to_us(since)
        )
    )
    return {from_us(fire_at) for fire_at in found}


def last_fire_time(connection: Connection, deployment_id: str) -> datetime | None:
    """Return the latest fire time of a deployment that has a row, or None if none has."""
    latest: int | None = connection.scalar(
        select(func.max(ledger.c.fire_at)).where(ledger.c.deployment_id == deployment_id)
    )
    return from_us(latest)


def fates_between(
    connection: Connection, deployment_id: str, since: datetime, until: datetime
) -> Iterator[tuple[datetime, Fate]]:
    """Yield fire time and fate of each row in ``(since, until]``, oldest first."""
    rows = connection.execute(
        select(ledger.c.fire_at, ledger.c.fate)
        .where(
            ledger.c.deployment_id == deployment_id,
            ledger.c.fire_at > to_us(since),
            ledger.c.fire_at <= to_us(until),
        )
        .order_by(ledger.c.fire_at)
    )
    for row in rows:
        yield from_us(row.fire_at), Fate(row.fate)


def forget_rows(connection: Connection, before: datetime, *, limit: int) -> int:
    """Delete rows of fire times before a time, the oldest first; return how many."""
    oldest = (
        select(ledger.c.deployment_id, ledger.c.fire_at)
        .where(ledger.c.fire_at < to_us(before))
        .order_by(ledger.c.fire_at)
        .limit(limit)
    )
    keys = [tuple(row) for row in connection.execute(oldest)]
    if not keys:
        return 0
    connection.execute(
        _FORGET, [{"of_deployment": deployment, "at": fire_at} for deployment, fire_at in keys]
    )
    return len(keys)


def _ledger_row(row: Row[Any]) -> LedgerRow:
    return LedgerRow(
        deployment_id=row.deployment_id,
        fire_at=from_us(row.fire_at),
        fate=Fate(row.fate),
        execution_id=row.execution_id,
        detail=row.detail,
        recorded_at=from_us(row.recorded_at),
        recorded_by=row.recorded_by,
    )
