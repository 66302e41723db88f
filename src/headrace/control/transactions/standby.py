"""Transactions of pausing and resuming."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from headrace.control.transactions.schedules import Fired, fire_due
from headrace.core.standby import EnvironmentStatus, Standing
from headrace.store.settings import read_standing, write_standing


def ask(connection: Connection, status: EnvironmentStatus, at: datetime) -> Standing:
    """Record that somebody asks to pause or to resume; return the state as it is then."""
    present = read_standing(connection)
    asked = present.asked(status, at)
    if asked is not present:
        write_standing(connection, asked)
    return asked


def move(
    connection: Connection, before: EnvironmentStatus, after: EnvironmentStatus, at: datetime
) -> Standing:
    """Record a step on the way, unless somebody has asked for another way meanwhile."""
    present = read_standing(connection)
    if present.status is not before:
        return present
    moved = present.moved(after, at)
    write_standing(connection, moved)
    return moved


def end_pause(connection: Connection, at: datetime, worker_id: str) -> tuple[Standing, Fired]:
    """Record the fire times of the pause, as many as one transaction takes.

    With the last of them the pause ends, so that no fire time is between both.
    """
    present = read_standing(connection)
    if present.status is not EnvironmentStatus.RESUME_ASKED:
        return present, Fired()
    fired = fire_due(connection, at, worker_id, looks_up=True)
    if fired.next_due_at is not None and fired.next_due_at <= at:
        return present, fired
    before, after = EnvironmentStatus.RESUME_ASKED, EnvironmentStatus.PODS_COMING
    return move(connection, before, after, at), fired
