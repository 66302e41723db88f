"""The loop that removes what nobody needs any more."""

from __future__ import annotations

import logging

from headrace.bundles.port import Bundles
from headrace.control.attached_files import AttachedFiles
from headrace.core.clock import now
from headrace.engines.port import Images
from headrace.environments.port import Builder
from headrace.keeping.clock_watch import ClockWatch
from headrace.objects.port import ObjectStore
from headrace.signals.loop import Loop
from headrace.store.attachments import attached_in_use
from headrace.store.database import Reader
from headrace.store.versions import digests_in_use

logger = logging.getLogger(__name__)

SWEEP_S = 600.0

STALE_UPLOAD_S = 24 * 3600.0
"""An upload in parts that received nothing for so long is given up."""


class Sweeper(Loop):
    """Collects environments, bundles and attached files that nobody needs, and uploads given up.

    Args:
        unused_for_s: How long one must have been unused, in seconds.
    """

    def __init__(
        self,
        reader: Reader,
        builder: Builder,
        bundles: Bundles,
        data_store: ObjectStore,
        attached: AttachedFiles,
        images: Images,
        clock: ClockWatch,
        *,
        unused_for_s: float,
    ) -> None:
        self._reader = reader
        self._builder = builder
        self._bundles = bundles
        self._data_store = data_store
        self._attached = attached
        self._images = images
        self._clock = clock
        self._unused_for_s = unused_for_s
        super().__init__(
            "sweeper",
            self._sweep_by_trusted_clock,
            complaint="not swept",
            first_after_s=SWEEP_S,
            try_again_s=SWEEP_S,
        )

    async def sweep(self) -> None:
        """Remove what is unused now."""
        bundles, environments = await self._reader.read(digests_in_use, now())
        gone = await self._builder.discard_unused(environments, unused_for_s=self._unused_for_s)
        gone += await self._bundles.discard_unused(bundles, grace_s=self._unused_for_s)
        gone += await self._images.discard_unused(environments, unused_for_s=self._unused_for_s)
        attached = await self._reader.read(attached_in_use)
        gone += await self._attached.discard_unused(attached, unused_for_s=self._unused_for_s)
        if gone:
            logger.info(
                "collected %d unused environments, images, bundles and attached files", len(gone)
            )
        stale = await self._data_store.discard_stale_uploads(STALE_UPLOAD_S)
        if stale:
            logger.info("discarded %d uploads that were given up", stale)

    async def _sweep_by_trusted_clock(self) -> float:
        if await self._clock.is_trusted():
            await self.sweep()
        return SWEEP_S
