"""Objects in a bucket.

What comes in waits in a file without a name on this machine's disk until it is whole: then the
bucket gets it, in parts if it is large, and shows all of it or nothing.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path

from boto3.s3.transfer import TransferConfig

from headrace.core.clock import now
from headrace.core.errors import Unavailable
from headrace.core.objects import ObjectInfo, check_object_path
from headrace.objects.bucket import listing
from headrace.objects.bucket.arrival import received
from headrace.objects.bucket.connection import MOST_DELETED, Bucket, Missing
from headrace.objects.bucket.keys import Keys
from headrace.objects.bucket.reader import BucketReader, head, object_info, open_object
from headrace.objects.bucket.uploads import BucketUploads
from headrace.objects.disk import Disk, translated, write_all
from headrace.objects.local_files import new_file, opened_regular
from headrace.objects.parts import check_part_number
from headrace.objects.port import ObjectPage, UploadForm
from headrace.objects.ranges import check_folder, check_page
from headrace.objects.slots import LateSlot, slots

PART = 16 << 20
"""Bytes from which on an object is sent in parts of this size; the greatest is 160 GB."""

_FILLED_IN = "${filename}"
"""Buckets replace it in the key of a form by the name of the file, which makes another object."""

_SENDING = TransferConfig(multipart_threshold=PART, multipart_chunksize=PART, max_concurrency=4)


class BucketStore:
    """An :class:`~headrace.objects.port.ObjectStore` of the keys below one prefix of a bucket.

    Several processes, on several machines, may use the same prefix at the same time.

    Args:
        bucket: The bucket, which is the caller's to close.
        name: The folder of the bucket's place that this store has for itself.
        staging: A folder of this machine for what is not whole yet.
    """

    def __init__(self, bucket: Bucket, name: str, staging: Path) -> None:
        self._bucket = bucket
        self._keys = Keys(f"{bucket.place.prefix}{name}/")
        self._uploads = BucketUploads(bucket, self._keys)
        self._staging = staging
        try:
            staging.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise translated(error, f"the disk of {staging}") from error
        self._disk = Disk()
        self._written, self._read = slots(), slots()

    async def check(self) -> str:
        """See the port: the bucket is asked whether it is there, which costs nothing."""
        try:
            await self._bucket.ask("head_bucket")
        except Missing:
            why = f"The bucket {self._bucket.place.bucket!r} does not exist."
        except Unavailable as error:
            why = error.message
        else:
            return "the bucket answers"
        # Strangers may ask, and need not know where the bucket is.
        raise Unavailable("The bucket cannot be used.", details={"detail": why})

    async def put(
        self, path: str, source: AsyncIterator[bytes], *, size_limit: int | None = None
    ) -> ObjectInfo:
        """See the port."""
        path = check_object_path(path)
        key = self._keys.of(path)
        async with LateSlot(self._written) as slot:
            with await received(self._disk, self._staging, source, size_limit, slot) as staged:
                size = os.fstat(staged.fileno()).st_size
                await self._bucket.send(staged, key, _SENDING)
        return await self._stored(path, size)

    async def put_file(self, path: str, file: Path) -> ObjectInfo:
        """See the port."""
        path = check_object_path(path)
        key = self._keys.of(path)
        async with self._written.one():
            with opened_regular(file) as descriptor, os.fdopen(os.dup(descriptor), "rb") as source:
                size = os.fstat(descriptor).st_size
                await self._bucket.send(source, key, _SENDING)
        await self._disk.run(file.unlink, missing_ok=True)
        return await self._stored(path, size)

    async def open(self, path: str, offset: int = 0, length: int | None = None) -> BucketReader:
        """See the port."""
        path = check_object_path(path)
        await self._read.take()
        try:
            return await open_object(
                self._bucket, self._keys, path, offset, length, self._read.give_back
            )
        except BaseException:
            self._read.give_back()
            raise

    async def fetch(self, path: str, to: Path) -> ObjectInfo:
        """See the port."""
        reader = await self.open(path)
        try:
            target = await self._disk.acquire(partial(new_file, to), os.close)
            try:
                async for chunk in reader:
                    await self._disk.run(write_all, target, [chunk])
            except BaseException:
                await self._disk.run(to.unlink, missing_ok=True)
                raise
            finally:
                os.close(target)
        finally:
            await reader.aclose()
        return reader.info

    async def local_path(self, path: str) -> None:
        """See the port."""
        check_object_path(path)

    async def info(self, path: str) -> ObjectInfo | None:
        """See the port."""
        path = check_object_path(path)
        try:
            return object_info(path, await head(self._bucket, self._keys.of(path)))
        except Missing:
            return None

    async def delete(self, path: str) -> bool:
        """See the port; two who delete at the same moment may both be told that it was there."""
        if await self.info(path) is None:
            return False
        await self._bucket.ask("delete_object", Key=self._keys.of(check_object_path(path)))
        return True

    async def delete_tree(self, prefix: str) -> None:
        """See the port."""
        doomed: list[str] = []
        async for entry in listing.entries(self._bucket, self._keys.of(check_folder(prefix)) + "/"):
            doomed.append(entry["Key"])
            if len(doomed) == MOST_DELETED:
                await self._bucket.delete(doomed)
                doomed = []
        if doomed:
            await self._bucket.delete(doomed)

    async def list(
        self, folder: str | None = None, after: str | None = None, limit: int = 1000
    ) -> ObjectPage:
        """See the port."""
        folder = check_page(folder, limit)
        return await listing.page(self._bucket, self._keys, folder, after, limit)

    async def begin_upload(self, path: str) -> str:
        """See the port."""
        return await self._uploads.begin(check_object_path(path))

    async def upload_path(self, upload_id: str) -> str:
        """See the port."""
        return await self._uploads.path_of(upload_id)

    async def put_part(
        self,
        upload_id: str,
        number: int,
        source: AsyncIterator[bytes],
        *,
        size_limit: int | None = None,
    ) -> str:
        """See the port."""
        check_part_number(number)
        await self.upload_path(upload_id)
        async with LateSlot(self._written) as slot:
            with await received(self._disk, self._staging, source, size_limit, slot) as staged:
                return await self._uploads.add(upload_id, number, staged)

    async def complete_upload(
        self,
        upload_id: str,
        parts: Sequence[tuple[int, str | None]],
        size: int | None = None,
        *,
        size_limit: int | None = None,
    ) -> ObjectInfo:
        """See the port; also raises InvalidRequest if a part is smaller than the bucket allows."""
        path, stored = await self._uploads.complete(upload_id, parts, size, size_limit)
        return await self._stored(path, stored)

    async def abandon_upload(self, upload_id: str) -> bool:
        """See the port."""
        return await self._uploads.abandon(upload_id)

    async def discard_stale_uploads(self, older_than_s: float) -> int:
        """See the port."""
        return await self._uploads.discard_stale(older_than_s)

    async def download_link(self, path: str, lifetime_s: int) -> str | None:
        """See the port."""
        if not self._bucket.place.has_links:
            return None
        key = self._keys.of(check_object_path(path))
        named = {"Bucket": self._bucket.place.bucket, "Key": key}
        url: str = self._bucket.sign(
            "generate_presigned_url", "get_object", Params=named, ExpiresIn=lifetime_s
        )
        return url

    async def upload_form(self, path: str, size_limit: int, lifetime_s: int) -> UploadForm | None:
        """See the port."""
        key = self._keys.of(check_object_path(path))
        if not self._bucket.place.has_links or _FILLED_IN in key:
            return None
        made = self._bucket.sign(
            "generate_presigned_post",
            self._bucket.place.bucket,
            key,
            Conditions=[["content-length-range", 0, size_limit]],
            ExpiresIn=lifetime_s,
        )
        return UploadForm(made["url"], made["fields"])

    async def close(self) -> None:
        """See the port."""
        self._disk.close()

    async def _stored(self, path: str, size: int) -> ObjectInfo:
        """Return what the bucket says of an object just stored, which may be gone again already."""
        return await self.info(path) or ObjectInfo(path, size, now())
