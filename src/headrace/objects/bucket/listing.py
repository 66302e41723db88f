"""Pages of objects in the order of their keys, as a bucket lists them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from headrace.core.objects import ObjectInfo
from headrace.objects.bucket.connection import Bucket
from headrace.objects.bucket.keys import Keys
from headrace.objects.port import ObjectPage

MOST = 1000
"""Keys in one answer of the bucket."""


async def page(
    bucket: Bucket, keys: Keys, folder: str | None, after: str | None, limit: int
) -> ObjectPage:
    """Return at most ``limit`` objects below ``folder`` whose paths sort after ``after``."""
    items: list[ObjectInfo] = []
    prefix = keys.prefix + (f"{folder}/" if folder else "")
    start = keys.prefix + _listable(after) if after else ""
    async for entry in entries(bucket, prefix, start=start, at_once=min(limit + 1, MOST)):
        path = keys.path(entry["Key"])
        if path is None or (after is not None and path <= after):
            continue
        if len(items) == limit:
            return ObjectPage(tuple(items), items[-1].path)
        items.append(ObjectInfo(path, entry["Size"], in_utc(entry["LastModified"])))
    return ObjectPage(tuple(items), None)


def in_utc(moment: datetime) -> datetime:
    """Return a time that the bucket said, in the time zone object of our own times."""
    return moment.astimezone(UTC)


async def entries(
    bucket: Bucket, prefix: str, *, start: str = "", at_once: int = MOST
) -> AsyncIterator[dict[str, Any]]:
    """Yield what the bucket says of each key that begins with ``prefix``, after ``start``."""
    place = {"StartAfter": start} if start else {}
    while True:
        answer = await bucket.ask("list_objects_v2", Prefix=prefix, MaxKeys=at_once, **place)
        for entry in answer.get("Contents", ()):
            yield entry
        if not answer.get("IsTruncated"):
            return
        place = {"ContinuationToken": answer["NextContinuationToken"]}


def _listable(after: str) -> str:
    """Return the beginning of a text up to what no key holds and no request can carry.

    No key between it and the whole text is left out: those that sort before are dropped later.
    """
    for index, character in enumerate(after):
        if not character.isprintable():
            return after[:index]
    return after
