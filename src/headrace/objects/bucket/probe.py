"""The trial of a bucket with a few small objects, and the mark of the environment that has it."""

from __future__ import annotations

import json
import uuid

from headrace.core.errors import Conflict, Unavailable
from headrace.objects.bucket.connection import Bucket, Missing, Refused
from headrace.objects.bucket.listing import entries

_NAMES = ("a", "a b", "a.b", "a/b", "b")
"""In the order of their bytes, in which a bucket has to list them; some servers go by folders."""

_OWNER = "headrace.json"


async def probe(bucket: Bucket) -> None:
    """Write, list and delete a few objects.

    Raises:
        Unavailable: The bucket cannot be used, or does not list its keys in order: then pages of
            a listing would leave objects out.
    """
    root = f"{bucket.place.prefix}probe-{uuid.uuid4().hex}/"
    keys = [root + name for name in _NAMES]
    try:
        for key in keys:
            await bucket.ask("put_object", Key=key, Body=b"Headrace tries this bucket.")
        listed = [entry["Key"] async for entry in entries(bucket, root)]
        rest = [entry["Key"] async for entry in entries(bucket, root, start=keys[0])]
    finally:
        # By one request, so that a bucket that is away is waited for once more and not five times.
        await bucket.delete(keys)
    if listed != keys or rest != keys[1:]:
        raise Unavailable(
            f"The bucket {bucket.place.bucket!r} cannot be used: its server does not list keys in "
            "the order of their bytes, as the S3 protocol demands."
        )


async def claim(bucket: Bucket, environment_id: str, *, is_kept_there: bool) -> None:
    """Mark a bucket as that of an environment, unless it is marked already.

    Args:
        bucket: The bucket.
        environment_id: Whose files they are.
        is_kept_there: Whether the environment has files in it, so that the mark must be there.

    Raises:
        Conflict: It holds the files of another environment, or no longer those of this one.
        Unavailable: The bucket cannot be used.
    """
    key = bucket.place.prefix + _OWNER
    if is_kept_there and await _owner(bucket, key) is None:
        raise Conflict(
            f"The files of this server were in {bucket.place}, and {key} is missing there: it is "
            "another bucket, or it was emptied. Restore it, so that nothing is lost in silence."
        )
    body = json.dumps({"environment_id": environment_id}).encode()
    try:
        await bucket.ask("put_object", Key=key, Body=body, IfNoneMatch="*")
    except Refused as error:
        if error.reason != "PreconditionFailed":
            raise
        owner = await _owner(bucket, key)
        if owner != environment_id:
            raise Conflict(
                f"{bucket.place} holds the files of another server, whose environment is {owner}: "
                "give this one a prefix of its own, such as s3://bucket/another."
            ) from None


async def _owner(bucket: Bucket, key: str) -> str | None:
    """Return the id of the environment that a bucket is marked with, or None."""
    try:
        answer = await bucket.ask("get_object", Key=key)
    except Missing:
        return None
    text = await bucket.run(answer["Body"].read)
    try:
        return str(json.loads(text)["environment_id"])
    except (ValueError, KeyError, TypeError):
        return "unknown"
