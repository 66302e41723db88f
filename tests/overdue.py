"""Fire times that are overdue: what would take minutes to wait for is written into the database.

The server is told as little as by a clock that was set forward, or by having been down.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from sqlalchemy import select, update
from tests.conftest import RunningServer, wait_until
from tests.records import changing

from headrace import HeadraceError, HeadraceSdk
from headrace.store.tables import deployments, schedule_revisions, schedules

MINUTE = timedelta(minutes=1)
LATE_SECOND = 40
"""From then on a minute has too little left for what a test does in it."""


def minutes_ago(count: int) -> datetime:
    """Return a fire time of ``* * * * *``."""
    return datetime.now(UTC).replace(second=0, microsecond=0) - count * MINUTE


def set_back(
    server: RunningServer, name: str, fire_at: datetime, put_off: timedelta = timedelta()
) -> None:
    """Have a deployment look as if its first fire time had been ``fire_at``, and is still to come.

    ``put_off`` is by how much its jitter has it acted on later. Nothing is due of it before, so
    its ledger stays as a verification expects it.
    """
    with changing(server.records) as connection:
        which = connection.scalar(select(deployments.c.id).where(deployments.c.name == name))
        stamp = int(fire_at.timestamp()) * 1_000_000
        due_at = stamp + put_off // timedelta(microseconds=1)
        connection.execute(
            update(schedules)
            .where(schedules.c.deployment_id == which)
            .values(next_fire_at=stamp, due_at=due_at)
        )
        revisions = schedule_revisions.c
        connection.execute(
            update(schedule_revisions)
            .where(revisions.deployment_id == which, revisions.until.is_(None))
            .values(since=stamp - 1)
        )


def early_in_a_minute() -> None:
    """Wait for another minute unless this one has some seconds left.

    To be called before a deployment is made that is to be overdue: it must not fire by itself
    before that, and what is noticed more than a minute late is another case.
    """
    wait_until(lambda: datetime.now(UTC).second < LATE_SECOND, what="another minute begins")


def wake(sdk: HeadraceSdk, pipeline: str) -> None:
    """Have the scheduler look at once, as it does when a schedule is new."""
    name = f"waker-{uuid.uuid4().hex[:8]}"
    sdk.create_deployment(pipeline, name, "periodic", schedule="0 0 1 1 *", is_enabled=False)
    sdk.delete_deployment(name)


def make_overdue(
    server: RunningServer, sdk: HeadraceSdk, name: str, pipeline: str, count: int
) -> list[str]:
    """Make fire times of the last ``count`` minutes due; return their fates, oldest first.

    The deployment was made just now, :func:`early_in_a_minute`. ``pipeline`` is one without inputs
    and outputs.
    """
    first = minutes_ago(count - 1)
    set_back(server, name, first)
    wake(sdk, pipeline)
    wait_until(lambda: len(sdk.get_ledger(name)) >= count, what=f"{count} fire times are recorded")
    return [row["fate"] for row in reversed(sdk.get_ledger(name))][:count]


def forget(sdk: HeadraceSdk, *names: str) -> None:
    """Delete deployments, those that are there."""
    for name in names:
        with suppress(HeadraceError):
            sdk.delete_deployment(name)
