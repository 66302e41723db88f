"""Bundles that are kept on this machine alone."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path

from headrace.bundles.store import Bundle, BundleStore


class LocalBundles:
    """The bundles of a folder of this machine; see :class:`headrace.bundles.port.Bundles`."""

    def __init__(self, here: BundleStore) -> None:
        self._here = here

    async def keep(self, archive: Path, max_bytes: int | None = None) -> Bundle:
        """See the port."""
        return await asyncio.to_thread(self._here.keep, archive, max_bytes)

    async def find(self, digest: str) -> Bundle | None:
        """See the port."""
        return self._here.find(digest)

    async def sound(self, digest: str) -> Bundle | None:
        """See the port."""
        return await asyncio.to_thread(self._here.sound, digest)

    async def discard_unused(self, keep: Collection[str], *, grace_s: float) -> list[str]:
        """See the port."""
        return await asyncio.to_thread(self._here.discard_unused, keep, grace_s=grace_s)
