"""Reading and writing as two steps, as on a database where others may write in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection

from headrace.store import schedules


@contextmanager
def as_it_was(due: Sequence[schedules.ScheduleRow]) -> Iterator[None]:
    """Have what is due read as it was before others may have recorded it.

    A schedule that was changed meanwhile is left out: a change and what is recorded of the same
    schedule never cross, because both are one transaction.
    """

    def read(connection: Connection, now: datetime, *, limit: int) -> list[schedules.ScheduleRow]:
        del now
        kept = []
        for row in due[:limit]:
            present = schedules.schedule_of(connection, row.deployment_id)
            if present is not None and present.schedule == row.schedule:
                kept.append(row)
        return kept

    known = schedules.due_schedules
    schedules.due_schedules = read
    try:
        yield
    finally:
        schedules.due_schedules = known
