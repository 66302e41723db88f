"""The last time of the clock that was believed."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from headrace.store import settings
from headrace.store.moments import from_us, to_us
from headrace.store.tables import deployments, executions, pipelines, sdk_tokens

_NEWEST_EXECUTION = select(executions.c.created_at).order_by(executions.c.id.desc()).limit(1)
_OTHERS = (
    select(func.max(deployments.c.updated_at)),
    select(func.max(pipelines.c.created_at)),
    select(func.max(sdk_tokens.c.created_at)),
)


def last_known_time(connection: Connection) -> datetime | None:
    """Return the time that was believed last; None if the database knows of no time.

    Versions that did not record it recorded when things were made.
    """
    known = settings.read_setting(connection, settings.CLOCK_BELIEVED_AT)
    if known is None:
        found = [connection.scalar(query) for query in (_NEWEST_EXECUTION, *_OTHERS)]
        known = max((time for time in found if time is not None), default=None)
    return from_us(None if known is None else int(known))


def believe(connection: Connection, at: datetime) -> None:
    """Record a time of the clock that is believed."""
    settings.write_setting(connection, settings.CLOCK_BELIEVED_AT, to_us(at))
