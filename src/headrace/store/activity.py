"""Activity: reads that take as long with a million executions as with a hundred."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import groupby, takewhile
from typing import Any

from sqlalchemy import Connection, bindparam, func, select

from headrace.core.activity import (
    IN_A_ROW,
    STEPS,
    CallCount,
    Cause,
    Failures,
    Load,
    NextFire,
    Period,
    Unfired,
    period_of,
)
from headrace.core.executions import Status
from headrace.core.outcomes import FailureKind
from headrace.core.schedules import Fate
from headrace.store.deletion_marks import kept_conditions
from headrace.store.health import endings_of
from headrace.store.moments import from_us, to_us
from headrace.store.tables import (
    FAILED,
    OF_DELETED,
    UNFINISHED,
    activity_counts,
    deployments,
    executions,
    ledger,
    schedules,
)

FAILURES = 250
"""Failures of each status that are looked at: the newest ones."""

CAUSES = 20
"""Causes that are told, with how often in a row."""

WITH_PODS = 500
"""Deployments with pods that are looked at."""

UNFIRED = 1000
"""Fire times without an execution that are looked at: the newest ones."""


_FAILED = (
    select(
        executions.c.id,
        executions.c.pipeline_id,
        executions.c.pipeline_name,
        executions.c.deployment_id,
        executions.c.deployment_name,
        executions.c.failure_kind,
        executions.c.failure_message,
        executions.c.ended_at,
    )
    # The condition of the index word by word, or it is not used.
    .where(executions.c.status == bindparam("status"), FAILED, ~OF_DELETED)
    .order_by(executions.c.id.desc())
    .limit(FAILURES)
)
_NEXT = (
    select(deployments.c.name, schedules.c.next_fire_at)
    .join(deployments, deployments.c.id == schedules.c.deployment_id)
    .where(deployments.c.deleted_at.is_(None), deployments.c.is_enabled)
    .order_by(schedules.c.due_at)
    .limit(bindparam("most"))
)
_UNFIRED = (
    select(ledger.c.deployment_id, ledger.c.fate, ledger.c.fire_at, ledger.c.detail)
    .where(ledger.c.execution_id.is_(None), ledger.c.fire_at >= bindparam("since"))
    .order_by(ledger.c.fire_at.desc())
    .limit(UNFIRED)
)


def periods(
    connection: Connection,
    whose: str,
    *,
    step_s: int,
    point_s: int,
    since: datetime,
    until: datetime,
) -> list[Period]:
    """Return the periods with calls, oldest first.

    Args:
        connection: A connection.
        whose: Id of a deployment; empty for all executions.
        step_s: Seconds of the counts that are read, one of :data:`headrace.core.activity.STEPS`.
        point_s: Seconds of a period, a multiple of it.
        since: When the first period begins.
        until: When the last one ends.
    """
    counts, begin = activity_counts.c, activity_counts.c.begin_s // point_s * point_s
    rows = connection.execute(
        select(begin.label("begin"), counts.bin, func.sum(counts.calls), func.sum(counts.failed))
        .where(
            counts.whose == whose,
            counts.step_s == step_s,
            counts.begin_s >= to_us(since) // 1_000_000,
            counts.begin_s < to_us(until) // 1_000_000,
        )
        .group_by("begin", counts.bin)
        .order_by("begin", counts.bin)
    )
    found = (CallCount(*row) for row in rows)
    return [
        period_of(from_us(begin_s * 1_000_000), some)
        for begin_s, some in groupby(found, key=lambda count: count.begin_s)
    ]


def load(connection: Connection) -> Load:
    """Return how many executions run and wait, and since when the oldest ones do."""
    kept = kept_conditions(connection)
    counts, oldest = [], []
    for status in (Status.RUNNING, Status.PENDING):
        count, first = connection.execute(
            select(func.count(), func.min(executions.c.id)).where(
                executions.c.status == status.value, UNFINISHED, *kept
            )
        ).one()
        counts.append(count)
        oldest.append(
            connection.scalar(select(executions.c.created_at).where(executions.c.id == first))
        )
    return Load(*counts, *(from_us(at) for at in oldest))


def failures(connection: Connection, since: datetime) -> Failures:
    """Return what failed since a time, cancelled executions left out, by deployment and cause."""
    newest: list[Any] = []
    is_cut = False
    for status in (Status.FAILED, Status.ERROR):
        rows = connection.execute(_FAILED, {"status": status.value}).all()
        since_then = [row for row in rows if row.ended_at >= to_us(since)]
        is_cut = is_cut or (len(rows) == FAILURES and rows[-1].ended_at >= to_us(since))
        newest += since_then
    newest.sort(key=lambda row: row.ended_at, reverse=True)
    groups: dict[tuple[Any, ...], list[Any]] = {}
    for row in newest:
        if row.failure_kind != FailureKind.CANCELLED.value:
            cause = (row.failure_message or "").partition("\n")[0]
            key = (row.pipeline_name, row.deployment_name, row.failure_kind, cause)
            groups.setdefault(key, []).append(row)
    shown = list(groups.values())
    return Failures(_with_rows(connection, shown[:CAUSES]), is_cut or len(shown) > CAUSES)


def calls_of(
    connection: Connection, deployment_ids: Sequence[str], since: datetime
) -> dict[str, tuple[int, int]]:
    """Return how many calls of deployments there were since a time, and how many failed, by id."""
    counts = activity_counts.c
    rows = connection.execute(
        select(counts.whose, func.sum(counts.calls), func.sum(counts.failed))
        .where(
            counts.whose.in_(deployment_ids),
            counts.step_s == min(STEPS),
            counts.begin_s >= to_us(since) // 1_000_000,
        )
        .group_by(counts.whose)
    )
    return {whose: (calls, failed) for whose, calls, failed in rows}


def next_fires(connection: Connection, limit: int) -> tuple[NextFire, ...]:
    """Return the next fire times of all deployments, the first ones first."""
    rows = connection.execute(_NEXT, {"most": limit})
    return tuple(NextFire(name, from_us(at)) for name, at in rows)


def with_pods(connection: Connection) -> list[tuple[str, str]]:
    """Return id and name of the low-latency deployments that are enabled, by name."""
    rows = connection.execute(
        select(deployments.c.id, deployments.c.name)
        .where(
            deployments.c.low_latency.is_not(None),
            deployments.c.is_enabled,
            deployments.c.deleted_at.is_(None),
        )
        .order_by(deployments.c.name)
        .limit(WITH_PODS)
    )
    return [(row.id, row.name) for row in rows]


def unfired(connection: Connection, since: datetime) -> tuple[Unfired, ...]:
    """Return the fire times since a time that made no execution, by deployment and fate."""
    groups: dict[tuple[str, str], list[Any]] = {}
    for row in connection.execute(_UNFIRED, {"since": to_us(since)}):
        groups.setdefault((row.deployment_id, row.fate), []).append(row)
    ids = {deployment_id for deployment_id, _ in groups}
    known = select(deployments.c.id, deployments.c.name).where(
        deployments.c.id.in_(ids), deployments.c.deleted_at.is_(None)
    )
    names = {row.id: row.name for row in connection.execute(known)}
    return tuple(
        Unfired(names[whose], Fate(fate), len(rows), from_us(rows[0].fire_at), rows[0].detail)
        for (whose, fate), rows in groups.items()
        # The ledger outlives a deployment; nobody waits for one that is gone.
        if whose in names
    )


def _with_rows(connection: Connection, groups: Sequence[Sequence[Any]]) -> tuple[Cause, ...]:
    """Return the cause of each group of failures, newest first, with how often in a row."""
    whose = [group[0] for group in groups]
    of_deployments = endings_of(
        connection, [row.deployment_id for row in whose if row.deployment_id], limit=IN_A_ROW
    )
    of_pipelines = endings_of(
        connection,
        [row.pipeline_id for row in whose if not row.deployment_id],
        limit=IN_A_ROW,
        of_pipelines=True,
    )
    causes = []
    for group in groups:
        row = group[0]
        found = of_deployments if row.deployment_id else of_pipelines
        ends = found.get(row.deployment_id or row.pipeline_id, [])
        in_a_row = len(list(takewhile(lambda ending: ending.failure is not None, ends)))
        causes.append(replace(_cause(group), in_a_row=in_a_row))
    return tuple(causes)


def _cause(group: Sequence[Any]) -> Cause:
    row = group[0]
    return Cause(
        pipeline_name=row.pipeline_name,
        deployment_name=row.deployment_name,
        kind=FailureKind(row.failure_kind),
        message=row.failure_message or "",
        count=len(group),
        last_id=row.id,
        last_at=from_us(row.ended_at),
    )
