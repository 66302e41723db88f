"""Reading an object of a bucket in chunks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headrace.core.errors import NotFound, Unavailable
from headrace.core.objects import ObjectInfo
from headrace.objects.bucket.connection import Bucket, Missing, Refused
from headrace.objects.bucket.keys import Keys
from headrace.objects.bucket.listing import in_utc
from headrace.objects.disk import CHUNK
from headrace.objects.ranges import range_length

_REPLACED = "PreconditionFailed"
_OPENINGS = 8
"""How often an object may be replaced while a range of it is being opened."""


class BucketReader:
    """An :class:`~headrace.objects.port.ObjectReader` of one answer of the bucket.

    Args:
        bucket: Where it comes from.
        info: The object.
        length: Bytes of the range.
        body: The open answer, the reader's from now on; None if nothing is to be read.
        on_close: Called once, when the answer was closed.
    """

    def __init__(
        self,
        bucket: Bucket,
        info: ObjectInfo,
        length: int,
        body: Any,
        on_close: Callable[[], None],
    ) -> None:
        self.info: ObjectInfo = info
        self.length: int = length
        self._bucket = bucket
        self._body = body
        self._on_close: Callable[[], None] | None = on_close
        self._left = length

    def __aiter__(self) -> BucketReader:
        return self

    async def __anext__(self) -> bytes:
        if self._left == 0 or self._on_close is None:
            await self.aclose()
            raise StopAsyncIteration
        chunk: bytes = await self._bucket.run(lambda: self._body.read(min(CHUNK, self._left)))
        if not chunk:
            raise Unavailable("The bucket ended its answer before the end of the object.")
        self._left -= len(chunk)
        return chunk

    async def aclose(self) -> None:
        """Close the answer; needed unless the chunks were read to the end."""
        if self._on_close is not None:
            on_close, self._on_close = self._on_close, None
            if self._body is not None:
                self._body.close()
            on_close()


async def open_object(
    bucket: Bucket,
    keys: Keys,
    path: str,
    offset: int,
    length: int | None,
    on_close: Callable[[], None],
) -> BucketReader:
    """Start to read a range of an object, as the port says; ``on_close`` is then the reader's."""
    for _ in range(_OPENINGS):
        try:
            return await _opened(bucket, keys.of(path), path, offset, length, on_close)
        except Missing:
            raise NotFound(f"There is no object {path!r}.") from None
        except Refused as error:
            if error.reason != _REPLACED:
                raise
    raise Unavailable(f"The object {path!r} is replaced all the time: try again later.")


async def head(bucket: Bucket, key: str) -> Any:
    """Return what the bucket says of an object; raises Missing."""
    return await bucket.ask("head_object", Key=key)


def object_info(path: str, said: Any) -> ObjectInfo:
    """Return the facts of an object out of what the bucket said of it."""
    return ObjectInfo(path, said["ContentLength"], in_utc(said["LastModified"]))


async def _opened(
    bucket: Bucket,
    key: str,
    path: str,
    offset: int,
    length: int | None,
    on_close: Callable[[], None],
) -> BucketReader:
    if (offset, length) == (0, None):
        answer = await bucket.ask("get_object", Key=key)
        info = object_info(path, answer)
        return BucketReader(bucket, info, info.size, answer["Body"], on_close)
    said = await head(bucket, key)
    info = object_info(path, said)
    count = range_length(info.size, offset, length)
    body = None
    if count:
        # Of the object that was looked at, or not at all.
        wanted = {"Range": f"bytes={offset}-{offset + count - 1}", "IfMatch": said["ETag"]}
        body = (await bucket.ask("get_object", Key=key, **wanted))["Body"]
    return BucketReader(bucket, info, count, body, on_close)
