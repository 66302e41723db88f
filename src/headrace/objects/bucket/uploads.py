"""Uploads in parts, which the bucket itself keeps."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from headrace.core.clock import now
from headrace.core.errors import Conflict, InvalidRequest, NotFound
from headrace.objects.bucket.connection import Bucket, Missing, Refused
from headrace.objects.bucket.keys import Keys, UploadId, no_upload
from headrace.objects.bucket.reader import head
from headrace.objects.parts import check_size, chosen

_GONE = {"NoSuchUpload"}
_TOO_SMALL = "EntityTooSmall"
LEAST_PART = 5 << 20
"""Bytes that every part but the last one must have, by the rule of the protocol."""


@dataclass(frozen=True, slots=True)
class _Part:
    number: int
    size: int
    digest: str
    arrived_at: datetime


class BucketUploads:
    """The uploads under way to the keys of one store."""

    def __init__(self, bucket: Bucket, keys: Keys) -> None:
        self._bucket = bucket
        self._keys = keys
        self._completing: set[str] = set()

    async def begin(self, path: str) -> str:
        """Begin an upload to a canonical path and return its id."""
        answer = await self._bucket.ask("create_multipart_upload", Key=self._keys.of(path))
        return str(UploadId(path, answer["UploadId"]))

    async def path_of(self, upload_id: str) -> str:
        """Return the path of an upload; raises NotFound."""
        await self._ask("list_parts", upload_id, MaxParts=1)
        return UploadId.read(upload_id).path

    async def add(self, upload_id: str, number: int, file: Any) -> str:
        """Send an open file as a part and return its ETag, quoted; raises NotFound."""
        answer = await self._ask("upload_part", upload_id, PartNumber=number, Body=file)
        return str(answer["ETag"])

    async def complete(
        self,
        upload_id: str,
        asked: Sequence[tuple[int, str | None]],
        size: int | None,
        size_limit: int | None,
    ) -> tuple[str, int]:
        """Make the object out of the parts, and return its path and size; raises as the port says.

        Two servers that complete an upload at the same moment make the same object, and are both
        told so.
        """
        if upload_id in self._completing:
            raise Conflict("The upload is being completed already.")
        self._completing.add(upload_id)
        try:
            return await self._complete(upload_id, asked, size, size_limit)
        finally:
            self._completing.discard(upload_id)

    async def _complete(
        self,
        upload_id: str,
        asked: Sequence[tuple[int, str | None]],
        size: int | None,
        size_limit: int | None,
    ) -> tuple[str, int]:
        latest = {part.number: part for part in await self._parts(upload_id)}
        parts = chosen(latest, asked)
        check_size(parts, size, size_limit)
        path = UploadId.read(upload_id).path
        named = [{"PartNumber": part.number, "ETag": f'"{part.digest}"'} for part in parts]
        try:
            await self._ask(
                "complete_multipart_upload", upload_id, MultipartUpload={"Parts": named}
            )
        except NotFound:
            if not await self._is_made_of(path, parts):
                raise
        except Refused as error:
            if error.reason != _TOO_SMALL:
                raise
            raise InvalidRequest(
                f"Every part but the last one must have at least {LEAST_PART:,} bytes, as this "
                "server keeps its files in a bucket: send the file again in larger parts."
            ) from None
        return path, sum(part.size for part in parts)

    async def _is_made_of(self, path: str, parts: Sequence[_Part]) -> bool:
        """Check whether the object at a path is the one that parts make.

        If the bucket's answer was lost, the request was sent again, and some servers then say that
        there is no such upload.
        """
        try:
            made = hashlib.md5(usedforsecurity=False)
            for part in parts:
                made.update(bytes.fromhex(part.digest))
            said = await head(self._bucket, self._keys.of(path))
        except (ValueError, Missing):
            return False
        return bool(said["ETag"].strip('"') == f"{made.hexdigest()}-{len(parts)}")

    async def abandon(self, upload_id: str) -> bool:
        """Forget an upload and its parts; return whether it was there."""
        try:
            await self.path_of(upload_id)
            await self._ask("abort_multipart_upload", upload_id)
        except NotFound:
            return False
        return True

    async def discard_stale(self, older_than_s: float) -> int:
        """Forget the uploads that received nothing for so long; return how many."""
        oldest = now() - timedelta(seconds=older_than_s)
        discarded = 0
        for upload_id, begun in await self._under_way():
            try:
                parts = await self._parts(upload_id)
            except NotFound:
                continue  # It ended meanwhile.
            if max([begun, *(part.arrived_at for part in parts)]) < oldest:
                discarded += await self.abandon(upload_id)
        return discarded

    async def _under_way(self) -> list[tuple[str, datetime]]:
        """Return the ids of all uploads of this store, and when they were begun."""
        found: list[tuple[str, datetime]] = []
        place: dict[str, str] = {}
        while True:
            answer = await self._bucket.ask(
                "list_multipart_uploads", Prefix=self._keys.prefix, **place
            )
            for upload in answer.get("Uploads", ()):
                path = self._keys.path(upload["Key"])
                if path is not None:
                    found.append((str(UploadId(path, upload["UploadId"])), upload["Initiated"]))
            if not answer.get("IsTruncated"):
                return found
            place = {
                "KeyMarker": answer["NextKeyMarker"],
                "UploadIdMarker": answer["NextUploadIdMarker"],
            }

    async def _parts(self, upload_id: str) -> list[_Part]:
        found: list[_Part] = []
        place: dict[str, int] = {}
        while True:
            answer = await self._ask("list_parts", upload_id, **place)
            found += map(_part, answer.get("Parts", ()))
            if not answer.get("IsTruncated"):
                return found
            place = {"PartNumberMarker": answer["NextPartNumberMarker"]}

    async def _ask(self, operation: str, upload_id: str, **parameters: Any) -> Any:
        upload = UploadId.read(upload_id)
        try:
            return await self._bucket.ask(
                operation, Key=self._keys.of(upload.path), UploadId=upload.number, **parameters
            )
        except Refused as error:
            if error.reason in _GONE:
                raise no_upload(upload_id) from None
            raise


def _part(said: Mapping[str, Any]) -> _Part:
    digest = said["ETag"].strip('"')
    return _Part(said["PartNumber"], said["Size"], digest, said["LastModified"])
