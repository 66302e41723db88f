"""The contract of a keeper of bundles: folders of pipelines, by the digest of their content."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from headrace.bundles.store import Bundle


class Bundles(Protocol):
    """Keeps bundles, and has them on this machine when they are asked for.

    All methods raise ``Unavailable`` when the disk or the bucket cannot do its work.
    """

    async def keep(self, archive: Path, max_bytes: int | None = None) -> Bundle:
        """Keep the content of an archive; when this returns, it is where bundles last.

        Raises as :meth:`headrace.bundles.store.BundleStore.keep`.
        """
        ...

    async def find(self, digest: str) -> Bundle | None:
        """Return the bundle with this digest, on this machine; None if it is not kept."""
        ...

    async def sound(self, digest: str) -> Bundle | None:
        """Return the bundle with this digest, having made sure that it is what was sent."""
        ...

    async def discard_unused(self, keep: Collection[str], *, grace_s: float) -> list[str]:
        """Delete the bundles that are not in ``keep``, and return their digests.

        Args:
            keep: Digests that are in use.
            grace_s: Seconds for which a bundle stays after the last :meth:`keep` of its content.
        """
        ...
