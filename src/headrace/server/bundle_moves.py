"""Moving the folders of pipelines between the data directory and a bucket."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path

from headrace.bundles.store import BundleStore
from headrace.control.bucket_bundles import BucketBundles
from headrace.core.errors import Unavailable
from headrace.objects.port import ObjectStore


async def send_bundles(here: BundleStore, bucket: ObjectStore, staging: Path) -> set[str]:
    """Have a bucket hold all bundles of this machine; return the digests that it holds then."""
    bundles = BucketBundles(here, bucket, staging)
    await bundles.send_missing(await asyncio.to_thread(here.digests))
    return await bundles.digests()


async def fetch_bundles(bucket: ObjectStore, here: BundleStore, staging: Path) -> set[str]:
    """Have this machine hold all bundles of a bucket; return the digests that it holds then."""
    bundles = BucketBundles(here, bucket, staging)
    for digest in sorted(await bundles.digests()):
        await bundles.sound(digest)
    return await asyncio.to_thread(here.digests)


def check_arrived(needed: Collection[str], before: Collection[str], after: Collection[str]) -> int:
    """Return how many of the needed bundles are missing, and were missing before the move.

    Raises:
        Unavailable: One is missing that was there before.
    """
    lost = sorted(set(needed) & set(before) - set(after))
    if lost:
        raise Unavailable(
            f"{len(lost)} folders of pipelines did not arrive, such as {lost[0]}: move the files "
            "again."
        )
    return len(set(needed) - set(after))
