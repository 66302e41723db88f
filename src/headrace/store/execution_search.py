"""Searches among executions: pages in both directions, and counts, each with a bound on its work.

Some conditions are answered by an index together with the order: the pipeline, the deployment, the
status, the time. The others are compared row by row. A search with such a condition looks at
:data:`LOOKED_AT` rows and no more, and says where it stopped, so that the next one goes on there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, exists, func, or_, select

from headrace.core.execution_filters import (
    FAILURES,
    MOST_COUNTED,
    Count,
    ExecutionFilter,
    ExecutionPage,
)
from headrace.core.executions import Status
from headrace.core.sources import Rule
from headrace.store.deletion_marks import kept_conditions
from headrace.store.execution_row import SUMMARY, summary_from
from headrace.store.tables import (
    FAILED,
    OF_DELETED,
    UNFINISHED,
    deployments,
    executions,
    removed_users,
    reruns,
    users,
)

LOOKED_AT = 10_000
"""How many rows a search looks at that compares them one by one."""

_ID = executions.c.id
_OF_PERIODIC = or_(
    executions.c.fire_at.is_not(None),
    func.coalesce(executions.c.deployment_id, "").in_(
        select(deployments.c.id).where(deployments.c.rule == Rule.PERIODIC.value)
    ),
)

_failed = executions.alias("failed")
_IN_FAILED = {
    status: exists().where(
        _failed.c.id == _ID, _failed.c.status == status.value, _failed.c.failure_kind.is_not(None)
    )
    for status in FAILURES
}
"""Whether an execution failed, looked up in the index of those that did, without its row."""


def search(
    connection: Connection,
    wanted: ExecutionFilter,
    *,
    limit: int,
    before: str | None = None,
    after: str | None = None,
) -> ExecutionPage:
    """Return executions, newest first.

    Args:
        connection: A connection.
        wanted: Which ones.
        limit: How many at most; fewer where the search stopped before.
        before: Only those older than this id, the newest of them.
        after: Only those newer than this id, the oldest of them.
    """
    if wanted.is_impossible:
        return ExecutionPage((), None, None)
    is_back = after is not None
    pieces = [
        _piece(connection, wanted, status, limit + 1, before, after)
        for status in wanted.wanted_statuses or (None,)
    ]
    stops = [stop for _, stop in pieces if stop is not None]
    stop = None if not stops else min(stops) if is_back else max(stops)
    found = sorted(
        (row for rows, _ in pieces for row in rows if _is_reached(row.id, stop, is_back=is_back)),
        key=lambda row: row.id,
        reverse=not is_back,
    )
    shown = found[:limit]
    # What comes next in the direction of the search: after what is shown, or after what was seen.
    onward = shown[-1].id if len(found) > limit else stop
    backward = (shown[0].id if shown else before or after) if before or after else None
    older, newer = (backward, onward) if is_back else (onward, backward)
    in_order = reversed(shown) if is_back else shown
    return ExecutionPage([summary_from(row) for row in in_order], older, newer)


def count_by_status(
    connection: Connection, wanted: ExecutionFilter
) -> Mapping[Status | None, Count]:
    """Return how many fit, of each status and, under None, of all; whatever status is asked for."""
    counts: dict[Status | None, Count] = {
        status: _counted(connection, wanted.of_status(status), status)
        for status in Status
        if status is not Status.SUCCEEDED
    }
    # Only what failed has a reason, so that all of those are known already.
    counts |= (
        _scanned(connection, wanted.of_status())
        if wanted.reason is None
        else {
            None: _sum([counts[one] for one in FAILURES]),
            Status.SUCCEEDED: Count(0, is_exact=True),
        }
    )
    return {status: counts[status] for status in (None, *Status)}


def count_matching(connection: Connection, wanted: ExecutionFilter) -> Count:
    """Return how many fit."""
    statuses = wanted.wanted_statuses or (None,)
    return _sum(
        [Count(0, is_exact=True)]
        if wanted.is_impossible
        else [_counted(connection, wanted, status) for status in statuses]
    )


def _piece(
    connection: Connection,
    wanted: ExecutionFilter,
    status: Status | None,
    limit: int,
    before: str | None,
    after: str | None,
) -> tuple[Sequence[Row[Any]], str | None]:
    """Return what fits of a status, and the last id that was looked at if that is not the end."""
    is_back = after is not None
    order = _ID.asc() if is_back else _ID.desc()
    base = [*_indexed(connection, wanted, status)]
    if before is not None:
        base.append(before > _ID)
    if after is not None:
        base.append(after < _ID)
    compared = _compared(wanted, status)
    stop = _stop(connection, base, order) if compared else None
    if stop is not None:
        base.append(stop >= _ID if is_back else stop <= _ID)
    query = select(*SUMMARY).where(*base, *compared, ~OF_DELETED).order_by(order).limit(limit)
    return connection.execute(query).all(), stop


def _scanned(connection: Connection, wanted: ExecutionFilter) -> dict[Status | None, Count]:
    """Return how many fit of all and how many succeeded, of which no index knows, in one scan."""
    base = _indexed(connection, wanted, None)
    stop = _stop(connection, base, _ID.desc())
    if stop is not None:
        base.append(stop <= _ID)
    succeeded = func.count().filter(executions.c.status == Status.SUCCEEDED.value)
    query = select(func.count(), succeeded).where(*base, *_compared(wanted, None), ~OF_DELETED)
    everything, good = connection.execute(query).one()
    return {
        status: Count(min(number, MOST_COUNTED), stop is None and number <= MOST_COUNTED)
        for status, number in ((None, everything), (Status.SUCCEEDED, good))
    }


def _counted(connection: Connection, wanted: ExecutionFilter, status: Status | None) -> Count:
    if wanted.is_impossible:
        return Count(0, is_exact=True)
    base, compared = _indexed(connection, wanted, status), _compared(wanted, status)
    stop = _stop(connection, base, _ID.desc()) if compared else None
    if stop is not None:
        base.append(stop <= _ID)
    kept = kept_conditions(connection)
    matching: Select[Any] = select(_ID).where(*base, *compared, *kept).limit(MOST_COUNTED + 1)
    number = connection.scalar(select(func.count()).select_from(matching.subquery())) or 0
    return Count(min(number, MOST_COUNTED), stop is None and number <= MOST_COUNTED)


def _sum(counts: Sequence[Count]) -> Count:
    return Count(sum(one.number for one in counts), all(one.is_exact for one in counts))


def _stop(
    connection: Connection, base: Sequence[ColumnElement[bool]], order: ColumnElement[Any]
) -> str | None:
    """Return the last id that one search looks at, or None if it comes to the end."""
    query = select(_ID).where(*base).order_by(order).offset(LOOKED_AT - 1).limit(1)
    stop: str | None = connection.scalar(query)
    return stop


def _indexed(
    connection: Connection, wanted: ExecutionFilter, status: Status | None
) -> list[ColumnElement[bool]]:
    """Return the conditions that an index answers together with the order."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.deployment_id is not None:
        conditions.append(executions.c.deployment_id == wanted.deployment_id)
    elif wanted.pipeline_id is not None:
        conditions.append(executions.c.pipeline_id == wanted.pipeline_id)
    if status in FAILURES and _are_few(connection, conditions):
        conditions.append(_IN_FAILED[status])
    elif status is not None and status is not Status.SUCCEEDED:
        conditions.append(executions.c.status == status.value)
        conditions.append(FAILED if status.is_terminal else UNFINISHED)
    if wanted.since is not None:
        conditions.append(wanted.since <= _ID)
    if wanted.until is not None:
        conditions.append(wanted.until > _ID)
    if wanted.prefix is not None:
        # All characters of ids sort before this one.
        conditions.append(_ID.between(wanted.prefix, f"{wanted.prefix}~"))
    return conditions


def _are_few(connection: Connection, conditions: Sequence[ColumnElement[bool]]) -> bool:
    """Check whether a deployment or a pipeline has so few executions that all can be looked at.

    Otherwise a great part of what failed is its own.
    """
    if not conditions:
        return False
    some = select(_ID).where(*conditions).limit(LOOKED_AT + 1).subquery()
    return (connection.scalar(select(func.count()).select_from(some)) or 0) <= LOOKED_AT


def _is_by(identity: str) -> ColumnElement[bool]:
    """Return the condition that a user made it, present or removed, in any case of letters."""
    wanted = identity.lower()
    called = [
        select(table.c.id).where(
            or_(func.lower(table.c.name) == wanted, func.lower(table.c.email) == wanted)
        )
        for table in (users, removed_users)
    ]
    made_by = executions.c.created_by
    return or_(made_by == identity, *(made_by.in_(ids) for ids in called))


def _compared(wanted: ExecutionFilter, status: Status | None) -> list[ColumnElement[bool]]:
    """Return the conditions that each row is compared with."""
    conditions: list[ColumnElement[bool]] = []
    if status is Status.SUCCEEDED:
        conditions.append(executions.c.status == status.value)
    if wanted.deployment_id is not None and wanted.pipeline_id is not None:
        conditions.append(executions.c.pipeline_id == wanted.pipeline_id)
    if wanted.version is not None:
        conditions.append(executions.c.pipeline_version == wanted.version)
    if wanted.created_by is not None:
        conditions.append(_is_by(wanted.created_by))
    if wanted.rule is not None:
        conditions.append(_of_rule(wanted.rule))
    if wanted.reason is not None:
        conditions.append(executions.c.failure_message.icontains(wanted.reason, autoescape=True))
    if wanted.is_unrepeated:
        conditions.append(~exists().where(reruns.c.execution_id == _ID))
    return conditions


def _of_rule(rule: Rule) -> ColumnElement[bool]:
    if rule is Rule.RUN:
        return executions.c.deployment_name.is_(None)
    if rule is Rule.PERIODIC:
        return _OF_PERIODIC
    return executions.c.deployment_name.is_not(None) & ~_OF_PERIODIC


def _is_reached(execution_id: str, stop: str | None, *, is_back: bool) -> bool:
    if stop is None:
        return True
    return execution_id <= stop if is_back else execution_id >= stop
