"""The loop that keeps this machine's copies of bundles in step with the bucket."""

from __future__ import annotations

import logging

from headrace.control.bucket_bundles import BucketBundles
from headrace.control.warm import Pods
from headrace.core.clock import now
from headrace.signals.loop import Loop
from headrace.store.database import Reader
from headrace.store.versions import bundles_at_work, digests_in_use

logger = logging.getLogger(__name__)

LOOK_AGAIN_S = 600.0
TRY_AGAIN_S = 60.0


class BundleCopies(Loop):
    """Sends bundles that only this machine has, and drops copies that were not used for longest.

    Args:
        reader: The records of versions.
        bundles: The bundles.
        pods: Those of low-latency deployments, whose bundles stay.
        limit_bytes: What the copies may take together.
    """

    def __init__(
        self, reader: Reader, bundles: BucketBundles, pods: Pods, limit_bytes: int
    ) -> None:
        self._reader = reader
        self._bundles = bundles
        self._pods = pods
        self._limit_bytes = limit_bytes
        super().__init__(
            "bundle copies",
            self._look,
            complaint="folders of pipelines that are not in the bucket yet stay on this machine",
            try_again_s=TRY_AGAIN_S,
        )

    async def _look(self) -> float:
        needed, _ = await self._reader.read(digests_in_use, now())
        sent = await self._bundles.send_missing(needed, self.come_round)
        if sent:
            logger.info("sent %d folders of pipelines to the bucket", sent)
        at_work = await self._reader.read(bundles_at_work, self._pods.versions())
        dropped = await self._bundles.shrink(self._limit_bytes, at_work)
        if dropped:
            logger.info("dropped the copies of %d folders of pipelines", len(dropped))
        return LOOK_AGAIN_S
