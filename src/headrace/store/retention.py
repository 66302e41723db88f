"""Deletes what is kept no longer, a few rows at a time, and finds what nothing belongs to.

Executions are found by their ids, which sort by time: so no index is needed for it that each insert
would have to pay for.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Table, bindparam, delete, select

from headrace.store import ledger, schedules, settings
from headrace.store.moments import from_us, to_us
from headrace.store.tables import (
    deployments,
    executions,
    idempotency_keys,
    pipeline_versions,
    pipelines,
)

_PAGE = (
    select(executions.c.id, executions.c.ended_at)
    .where(executions.c.id > bindparam("after"), executions.c.id < bindparam("below"))
    .order_by(executions.c.id)
    .limit(bindparam("most"))
)
_DELETE = delete(executions).where(executions.c.id.in_(bindparam("ids", expanding=True)))
_NEWEST = select(executions.c.id).order_by(executions.c.id.desc()).limit(1)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step through the executions did.

    Attributes:
        deleted: Ids of those deleted.
        last: Id of the last one looked at; None at the end.
    """

    deleted: list[str]
    last: str | None


def delete_executions(
    connection: Connection,
    *,
    below: str,
    ended_before: datetime | None,
    after: str = "",
    limit: int,
) -> Batch:
    """Delete those of the next ``limit`` executions that have ended, in the order of their ids.

    Attempts and idempotency keys go with them.

    Args:
        connection: A connection that writes.
        below: Only those with a smaller id.
        ended_before: Only those that had ended by then; None for all that have ended.
        after: Where the step before ended.
        limit: How many are looked at.
    """
    page = connection.execute(_PAGE, {"after": after, "below": below, "most": limit}).all()
    bound = None if ended_before is None else to_us(ended_before)
    ids = [
        row.id
        for row in page
        if row.ended_at is not None and (bound is None or row.ended_at < bound)
    ]
    if ids:
        connection.execute(_DELETE, {"ids": ids})
    return Batch(ids, page[-1].id if len(page) == limit else None)


def oldest_kept(connection: Connection, count: int) -> str | None:
    """Return the id of the oldest of the newest ``count`` executions; None if there are fewer."""
    oldest: str | None = connection.scalar(_NEWEST.offset(count - 1))
    return oldest


def ends_of(connection: Connection, *, after: str, limit: int) -> list[tuple[str, datetime | None]]:
    """Return id and end of the next ``limit`` executions, in the order of their ids."""
    rows = connection.execute(_PAGE, {"after": after, "below": "~", "most": limit})
    return [(row.id, from_us(row.ended_at)) for row in rows]


def delete_ledger(connection: Connection, before: datetime, *, limit: int) -> int:
    """Delete at most ``limit`` rows of fire times before a time, and the revisions until then.

    In the same transaction it is recorded from when on the ledger is whole, so that a verification
    begins there. Return how many rows were deleted.
    """
    count = ledger.forget_rows(connection, before, limit=limit)
    if count:
        known = settings.read_setting(connection, settings.LEDGER_KEPT_SINCE)
        # Never set back, because what is gone does not come back.
        since = max(to_us(before), 0 if known is None else int(known))
        settings.write_setting(connection, settings.LEDGER_KEPT_SINCE, since)
        schedules.forget_revisions(connection, before)
    return count


def delete_keys(connection: Connection, before: datetime, *, limit: int) -> int:
    """Delete at most ``limit`` idempotency keys recorded before a time; return how many."""
    keys = idempotency_keys.c
    oldest = (
        select(keys.deployment_id, keys.key)
        .where(keys.created_at < to_us(before))
        .order_by(keys.created_at)
        .limit(limit)
    )
    found = [tuple(row) for row in connection.execute(oldest)]
    if found:
        connection.execute(
            delete(idempotency_keys).where(
                keys.deployment_id == bindparam("of_deployment"), keys.key == bindparam("of_key")
            ),
            [{"of_deployment": deployment_id, "of_key": key} for deployment_id, key in found],
        )
    return len(found)


def files_kept_since(connection: Connection) -> str:
    """Return the id up to which the files of all executions are gone; empty if none were."""
    return settings.read_setting(connection, settings.FILES_KEPT_SINCE) or ""


def record_files_kept_since(connection: Connection, execution_id: str) -> None:
    """Record that the files of all executions up to this id are gone."""
    settings.write_setting(connection, settings.FILES_KEPT_SINCE, execution_id)


def known_executions(connection: Connection, ids: Collection[str]) -> set[str]:
    """Return the ids that executions have."""
    return _known(connection, executions, ids)


def known_builds(connection: Connection, ids: Collection[str]) -> set[str]:
    """Return those of these ids that pipelines have, or versions of them."""
    return _known(connection, pipelines, ids) | _known(connection, pipeline_versions, ids)


def known_deployments(connection: Connection, ids: Collection[str]) -> set[str]:
    """Return the ids that deployments have."""
    return _known(connection, deployments, ids)


def _known(connection: Connection, table: Table, ids: Collection[str]) -> set[str]:
    return set(connection.scalars(select(table.c.id).where(table.c.id.in_(ids))))
