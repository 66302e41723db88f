"""Opening a bucket. Whoever imports this needs the extra ``s3``."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AsyncExitStack, closing
from pathlib import Path

from headrace.objects.bucket.connection import Bucket
from headrace.objects.bucket.place import BucketPlace
from headrace.objects.bucket.probe import claim, probe
from headrace.objects.bucket.store import BucketStore


async def open_stores(
    place: BucketPlace,
    names: Sequence[str],
    environment_id: str,
    staging: Path,
    stack: AsyncExitStack,
    *,
    is_kept_there: bool,
) -> list[BucketStore]:
    """Return a store for each name, in a bucket that was tried and marked; ``stack`` closes them.

    Raises:
        Conflict: The bucket holds the files of another environment.
        Unavailable: It cannot be used.
    """
    bucket = Bucket(place)
    stack.callback(bucket.close)
    await probe(bucket)
    await claim(bucket, environment_id, is_kept_there=is_kept_there)
    stores = [BucketStore(bucket, name, staging) for name in names]
    for store in stores:
        stack.push_async_callback(store.close)
    return stores


async def try_bucket(place: BucketPlace) -> None:
    """Raise Unavailable, which says why, if a bucket cannot be used; leave nothing in it."""
    with closing(Bucket(place)) as bucket:
        await probe(bucket)
