"""Moving folders of pipelines and logs, which a bucket has in another form."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from headrace.bundles.store import BundleStore
from headrace.control.bucket_bundles import BucketBundles
from headrace.control.bucket_logs import BucketLogs
from headrace.core.errors import Unavailable
from headrace.objects.port import ObjectStore
from headrace.server.data_directory import DataDirectory
from headrace.server.object_places import Objects


@dataclass(frozen=True, slots=True)
class KeptMoved:
    """What is in the other place now.

    Attributes:
        bundles: How many folders of pipelines.
        missing: How many folders are missing that versions need, and were missing before.
        logs: How many logs of what has ended.
    """

    bundles: int
    missing: int
    logs: int


class KeptMoves:
    """Moves folders and logs of a server that does not run; each method may be cut short."""

    def __init__(self, directory: DataDirectory, source: Objects, goal: Objects) -> None:
        self._directory = directory
        self._source = source
        self._goal = goal
        self._folders = BundleStore(directory.bundles)

    async def move(self, needed: Collection[str]) -> KeptMoved:
        """Have the other place hold all folders and logs.

        Args:
            needed: Digests of the folders that versions need.

        Raises:
            Unavailable: One did not arrive, or a place cannot be used.
        """
        before = self._folders.digests()
        if self._source.bundles is not None:
            before |= await self._bundles(self._source.bundles).digests()
        after = await self._move_bundles()
        lost = sorted(set(needed) & before - after)
        if lost:
            raise Unavailable(
                f"{len(lost)} folders of pipelines did not arrive, such as {lost[0]}: move the "
                "files again."
            )
        return KeptMoved(len(after), len(set(needed) - after), await self._move_logs())

    async def _move_bundles(self) -> set[str]:
        if self._goal.bundles is not None:
            bundles = self._bundles(self._goal.bundles)
            await bundles.send_missing(self._folders.digests())
            return await bundles.digests()
        if self._source.bundles is not None:
            bundles = self._bundles(self._source.bundles)
            for digest in sorted(await bundles.digests()):
                await bundles.sound(digest)
        return self._folders.digests()

    async def _move_logs(self) -> int:
        if self._goal.logs is not None:
            return await self._logs(self._goal.logs).send_all()
        if self._source.logs is not None:
            return await self._logs(self._source.logs).fetch_all()
        return 0

    def _bundles(self, bucket: ObjectStore) -> BucketBundles:
        return BucketBundles(self._folders, bucket, self._directory.uploads)

    def _logs(self, bucket: ObjectStore) -> BucketLogs:
        return BucketLogs(self._directory.logs, self._directory.log_copies, bucket)
