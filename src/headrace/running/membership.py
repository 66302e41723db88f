"""A worker's place among the workers of a database: its id, its lease, what it may take."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from headrace.core.claims import Claim
from headrace.core.clock import now
from headrace.core.errors import Unavailable
from headrace.core.leases import Lease
from headrace.core.names import new_id
from headrace.core.outcomes import Failure, FailureKind
from headrace.signals.loop import Loop
from headrace.store import attempts, claims
from headrace.store import workers as rows
from headrace.store.database import Database
from headrace.store.orphans import Orphan, take_from_dead
from headrace.store.pipelines import pipeline_of

logger = logging.getLogger(__name__)

ABANDONED = Failure(
    FailureKind.WORKER_LOST, "The server stopped unexpectedly while this execution ran."
)
NOT_AGAIN = (
    "It was not started again, because its code may have had effects; run it again if that is safe."
)


TRY_AGAIN_S = 1.0
"""How long to wait after the database did not take a new worker."""


@dataclass(frozen=True, slots=True)
class Beat:
    """What a worker learns when it renews its lease.

    Attributes:
        to_cancel: Ids of executions that it runs and is asked to cancel.
        orphans: What ran under workers that are gone.
    """

    to_cancel: list[str]
    orphans: list[Orphan]


class Membership:
    """The row that lets a worker run executions, and what is claimed under it.

    Attributes:
        worker_id: The worker's id: that of one start, or of one lease.

    Args:
        lease: How long the worker may be silent before others take what it runs; None if no other
            can be on this database.
    """

    def __init__(self, database: Database, lease: Lease | None) -> None:
        self.worker_id = new_id()
        self.lease = lease
        self._database = database

    async def enter(self) -> list[Orphan]:
        """Take a place among the workers, and what ran under those that are gone."""
        return await self._database.write(_enter, self.worker_id, self.lease, now())

    async def enter_anew(self) -> list[Orphan]:
        """Take a place under another id, the old one being lost; see :meth:`enter`."""
        self.worker_id = new_id()
        while True:
            try:
                return await self.enter()
            except Unavailable as error:
                logger.error("no place among the workers yet: %s", error.message)  # noqa: TRY400
                await asyncio.sleep(TRY_AGAIN_S)

    def renewing(
        self, hear: Callable[[Beat], None], begin_anew: Callable[[], Awaitable[None]]
    ) -> Loop | None:
        """Return the loop that renews the lease, if there is one.

        Args:
            hear: Called with what is learnt from each renewal.
            begin_anew: Awaited when others took this worker for dead.
        """
        lease = self.lease
        if lease is None:
            return None

        async def renew() -> float:
            beat = await self._database.write(_renew, self.worker_id, lease, now())
            if beat is None:
                await begin_anew()
            else:
                hear(beat)
            return lease.renewed_every_s

        return Loop(
            "lease",
            renew,
            complaint="the lease is not renewed",
            first_after_s=lease.renewed_every_s,
            try_again_s=lease.renewed_every_s,
        )

    async def claim(self, limit: int) -> list[Claim]:
        """Take the oldest executions that may start; none if the place is lost."""
        is_fenced = self.lease is not None
        return await self._database.write(_claim, self.worker_id, limit, is_fenced=is_fenced)

    async def claim_warm(self, deployment_id: str, limit: int) -> list[Claim]:
        """Take the oldest executions that wait for a deployment's pods; see :meth:`claim`."""
        is_fenced = self.lease is not None
        return await self._database.write(
            _claim, self.worker_id, limit, is_fenced=is_fenced, deployment_id=deployment_id
        )

    async def leave(self) -> None:
        """Give the place up."""
        try:
            await self._database.write(rows.remove_worker, self.worker_id)
        except Unavailable as error:
            # Whoever comes next does not need it to be gone.
            logger.error("this worker's row stays: %s", error.message)  # noqa: TRY400


def _enter(
    connection: Connection, worker_id: str, lease: Lease | None, at: datetime
) -> list[Orphan]:
    if lease is None:
        rows.remove_others(connection, worker_id)
    else:
        rows.remove_expired(connection, at)
    expires_at = (lease or Lease()).end_after(at)
    rows.add_worker(connection, worker_id, started_at=at, expires_at=expires_at)
    claims.release_queued(connection)
    return take_from_dead(connection, ABANDONED, at, hint=NOT_AGAIN)


def _renew(connection: Connection, worker_id: str, lease: Lease, at: datetime) -> Beat | None:
    if not rows.renew_lease(connection, worker_id, lease.end_after(at)):
        return None
    rows.remove_expired(connection, at)
    claims.release_queued(connection)
    orphans = take_from_dead(connection, ABANDONED, at, hint=NOT_AGAIN)
    return Beat(attempts.cancel_requests(connection, worker_id), orphans)


def _claim(
    connection: Connection,
    worker_id: str,
    limit: int,
    *,
    is_fenced: bool,
    deployment_id: str | None = None,
) -> list[Claim]:
    if is_fenced and worker_id not in rows.worker_ids(connection):
        # What it claimed now, others would take from it.
        return []
    if deployment_id is None:
        claimed = claims.claim_pending(connection, worker_id, limit=limit, at=now())
    else:
        claimed = claims.claim_for_pods(connection, worker_id, deployment_id, limit=limit, at=now())
    one_of_each = {(each.pipeline_id, each.pipeline_version): each for each in claimed}
    known = {which: pipeline_of(connection, each) for which, each in one_of_each.items()}
    # A row cannot outlive its pipeline (foreign key), so every claimed one has it.
    return [
        Claim(execution, pipeline, worker_id)
        for execution in claimed
        if (pipeline := known[execution.pipeline_id, execution.pipeline_version]) is not None
    ]
