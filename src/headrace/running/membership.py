"""A worker's place among the workers of a database: its id, its lease, what it may take."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from headrace.control.transactions import workers as records
from headrace.control.transactions.workers import Beat
from headrace.core.claims import Claim
from headrace.core.clock import now
from headrace.core.errors import Unavailable
from headrace.core.leases import Lease
from headrace.core.names import new_id
from headrace.signals.loop import Loop
from headrace.store import workers as rows
from headrace.store.database import Database
from headrace.store.orphans import Orphan

logger = logging.getLogger(__name__)

TRY_AGAIN_S = 1.0
"""How long to wait after the database did not take a new worker."""


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
        return await self._database.write(records.enter, self.worker_id, self.lease, now())

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
            beat = await self._database.write(records.renew, self.worker_id, lease, now())
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
        return await self._database.write(
            records.claim, self.worker_id, limit, now(), is_fenced=is_fenced
        )

    async def claim_for_pods(self, deployment_id: str, limit: int) -> list[Claim]:
        """Take the oldest executions that wait for a deployment's pods; see :meth:`claim`."""
        is_fenced = self.lease is not None
        return await self._database.write(
            records.claim,
            self.worker_id,
            limit,
            now(),
            is_fenced=is_fenced,
            deployment_id=deployment_id,
        )

    async def leave(self) -> None:
        """Give the place up."""
        try:
            await self._database.write(rows.remove_worker, self.worker_id)
        except Unavailable as error:
            # Whoever comes next does not need it to be gone.
            logger.error("this worker's row stays: %s", error.message)  # noqa: TRY400
