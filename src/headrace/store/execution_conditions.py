"""Conditions of a search among executions: those that an index answers, and the others.

The pipeline, the deployment, the status and the time are answered by an index together with the
order. What else is asked for is compared row by row, so whoever asks bounds how many rows that are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, exists, func, or_, select

from headrace.core.execution_filters import ExecutionFilter
from headrace.core.executions import Status
from headrace.core.sources import Rule
from headrace.store.tables import (
    FAILED,
    UNFINISHED,
    deployments,
    executions,
    removed_users,
    reruns,
    users,
)

_ID = executions.c.id
_OF_PERIODIC = or_(
    executions.c.fire_at.is_not(None),
    func.coalesce(executions.c.deployment_id, "").in_(
        select(deployments.c.id).where(deployments.c.rule == Rule.PERIODIC.value)
    ),
)


def last_of(
    connection: Connection,
    base: Sequence[ColumnElement[bool]],
    order: ColumnElement[Any],
    *,
    most: int,
) -> str | None:
    """Return the last id of those that are looked at, or None if they are fewer than ``most``."""
    query = select(_ID).where(*base).order_by(order).offset(most - 1).limit(1)
    last: str | None = connection.scalar(query)
    return last


def indexed(wanted: ExecutionFilter, status: Status | None) -> list[ColumnElement[bool]]:
    """Return the conditions that an index answers together with the order."""
    conditions: list[ColumnElement[bool]] = []
    if wanted.deployment_id is not None:
        conditions.append(executions.c.deployment_id == wanted.deployment_id)
    elif wanted.pipeline_id is not None:
        conditions.append(executions.c.pipeline_id == wanted.pipeline_id)
    if status is not None and status is not Status.SUCCEEDED:
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


def compared(wanted: ExecutionFilter, status: Status | None) -> list[ColumnElement[bool]]:
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
