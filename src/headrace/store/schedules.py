"""Rows of schedules: what is due, and how far the ledger has got."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    Row,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from headrace.core.cron import Cron
from headrace.core.executions import Status
from headrace.core.ledger import Revision
from headrace.core.schedules import Missed, Overlap, Schedule
from headrace.store.moments import from_us, to_us
from headrace.store.tables import UNFINISHED, executions, schedule_revisions, schedules


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A schedule with how far it has got.

    Attributes:
        deployment_id: Whose schedule it is.
        schedule: Expression, zone and policies.
        next_fire_at: The first fire time that the ledger does not have, UTC.
    """

    deployment_id: str
    schedule: Schedule
    next_fire_at: datetime


_DUE = (
    select(schedules)
    .where(schedules.c.due_at <= bindparam("now"))
    .order_by(schedules.c.due_at, schedules.c.deployment_id)
    .limit(bindparam("most"))
)
_BY_DEPLOYMENT = select(schedules).where(schedules.c.deployment_id == bindparam("deployment_id"))
_NEXT_DUE = select(func.min(schedules.c.due_at))
_ADVANCE = (
    update(schedules)
    .where(
        schedules.c.deployment_id == bindparam("of_deployment"),
        schedules.c.next_fire_at == bindparam("from_fire"),
    )
    .values(next_fire_at=bindparam("to_fire"), due_at=bindparam("to_due"))
)
_UNFINISHED = (
    select(
        func.count().filter(executions.c.status == Status.RUNNING.value),
        func.count().filter(executions.c.status == Status.PENDING.value),
    )
    # Not by the index of deployments: the unfinished are few, a deployment's may be millions.
    .where(UNFINISHED, executions.c.deployment_id == bindparam("deployment_id"))
    .select_from(executions)
)


def add_schedule(
    connection: Connection, deployment_id: str, schedule: Schedule, next_fire_at: datetime
) -> None:
    """Insert the schedule of a deployment."""
    connection.execute(
        insert(schedules).values(
            deployment_id=deployment_id, **_columns(deployment_id, schedule, next_fire_at)
        )
    )


def change_schedule(
    connection: Connection, deployment_id: str, schedule: Schedule, next_fire_at: datetime
) -> None:
    """Store another schedule of a deployment, and its first fire time."""
    connection.execute(
        update(schedules)
        .where(schedules.c.deployment_id == deployment_id)
        .values(**_columns(deployment_id, schedule, next_fire_at))
    )


def schedule_of(connection: Connection, deployment_id: str) -> ScheduleRow | None:
    """Return the schedule of a deployment, or None if it has none."""
    row = connection.execute(_BY_DEPLOYMENT, {"deployment_id": deployment_id}).one_or_none()
    return None if row is None else _schedule_row(row)


def schedules_of(connection: Connection, deployment_ids: Sequence[str]) -> dict[str, ScheduleRow]:
    """Return the schedules of deployments that have one, by the deployment's id."""
    query = select(schedules).where(schedules.c.deployment_id.in_(deployment_ids))
    return {row.deployment_id: _schedule_row(row) for row in connection.execute(query)}


def due_schedules(connection: Connection, now: datetime, *, limit: int) -> list[ScheduleRow]:
    """Return the schedules that are due, the longest due first."""
    rows = connection.execute(_DUE, {"now": to_us(now), "most": limit})
    return [_schedule_row(row) for row in rows]


def next_due_at(connection: Connection) -> datetime | None:
    """Return when the first schedule is due, or None if there is none."""
    earliest: int | None = connection.scalar(_NEXT_DUE)
    return from_us(earliest)


def advance(
    connection: Connection, row: ScheduleRow, next_fire_at: datetime, offset: timedelta
) -> bool:
    """Move a schedule on to its next fire time; False if another server did so meanwhile."""
    fire_us = to_us(next_fire_at)
    result = connection.execute(
        _ADVANCE,
        {
            "of_deployment": row.deployment_id,
            "from_fire": to_us(row.next_fire_at),
            "to_fire": fire_us,
            "to_due": to_us(next_fire_at + offset),
        },
    )
    return result.rowcount == 1


def put_off(connection: Connection, deployment_id: str, until: datetime) -> None:
    """Put off a schedule that cannot be acted on; its fire times stay due."""
    connection.execute(
        update(schedules)
        .where(schedules.c.deployment_id == deployment_id)
        .values(due_at=to_us(until))
    )


def unfinished_counts(connection: Connection, deployment_id: str) -> tuple[int, int]:
    """Return how many executions of a deployment run, and how many wait."""
    running, pending = connection.execute(_UNFINISHED, {"deployment_id": deployment_id}).one()
    return running, pending


def open_revision(
    connection: Connection, deployment_id: str, name: str, cron: Cron, since: datetime
) -> None:
    """Record from when on a deployment has an expression and a zone.

    What was to hold from the same moment on never did, and is forgotten.
    """
    connection.execute(
        delete(schedule_revisions).where(
            schedule_revisions.c.deployment_id == deployment_id,
            schedule_revisions.c.since == to_us(since),
        )
    )
    connection.execute(
        insert(schedule_revisions).values(
            deployment_id=deployment_id,
            since=to_us(since),
            until=None,
            deployment_name=name,
            expression=cron.expression,
            timezone=cron.timezone,
        )
    )


def close_revision(connection: Connection, deployment_id: str, until: datetime) -> None:
    """Record that what is in force is so no longer."""
    connection.execute(
        update(schedule_revisions)
        .where(
            schedule_revisions.c.deployment_id == deployment_id,
            schedule_revisions.c.until.is_(None),
        )
        .values(until=to_us(until))
    )


def revisions_of(connection: Connection, deployment_id: str) -> list[Revision]:
    """Return the revisions of a deployment's schedule, oldest first."""
    rows = connection.execute(
        select(schedule_revisions)
        .where(schedule_revisions.c.deployment_id == deployment_id)
        .order_by(schedule_revisions.c.since)
    )
    return [
        Revision(Cron(row.expression, row.timezone), from_us(row.since), from_us(row.until))
        for row in rows
    ]


def deployments_named(connection: Connection, name: str | None) -> list[tuple[str, str]]:
    """Return id and name of the deployments with a ledger, those deleted included.

    Args:
        connection: A connection.
        name: Name of the deployments; None for all.
    """
    query = (
        select(schedule_revisions.c.deployment_id, schedule_revisions.c.deployment_name)
        .group_by(schedule_revisions.c.deployment_id, schedule_revisions.c.deployment_name)
        .order_by(schedule_revisions.c.deployment_name, func.min(schedule_revisions.c.since))
    )
    if name is not None:
        query = query.where(schedule_revisions.c.deployment_name == name)
    return [(row.deployment_id, row.deployment_name) for row in connection.execute(query)]


def forget_revisions(connection: Connection, before: datetime) -> int:
    """Delete revisions that ended before a time; return how many."""
    result = connection.execute(
        delete(schedule_revisions).where(schedule_revisions.c.until < to_us(before))
    )
    return result.rowcount


def _columns(deployment_id: str, schedule: Schedule, next_fire_at: datetime) -> dict[str, Any]:
    return {
        "expression": schedule.cron.expression,
        "timezone": schedule.cron.timezone,
        "missed": schedule.missed.value,
        "missed_window_s": schedule.missed_window_s,
        "overlap": schedule.overlap.value,
        "jitter_s": schedule.jitter_s,
        "next_fire_at": to_us(next_fire_at),
        "due_at": to_us(next_fire_at + schedule.offset_for(deployment_id)),
    }


def _schedule_row(row: Row[Any]) -> ScheduleRow:
    return ScheduleRow(
        deployment_id=row.deployment_id,
        schedule=Schedule(
            cron=Cron(row.expression, row.timezone),
            missed=Missed(row.missed),
            missed_window_s=row.missed_window_s,
            overlap=Overlap(row.overlap),
            jitter_s=row.jitter_s,
        ),
        next_fire_at=from_us(row.next_fire_at),
    )
