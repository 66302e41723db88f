"""The place of the files of executions and of the data store: the data directory or a bucket."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import ModuleType

from sqlalchemy import Connection

from headrace.core.errors import Conflict
from headrace.objects.bucket.place import BucketPlace
from headrace.objects.filesystem import FilesystemStore
from headrace.objects.port import ObjectStore
from headrace.server.data_directory import DataDirectory
from headrace.server.optional_rooms import optional_room
from headrace.store import settings as rows
from headrace.store.database import Database

HERE = "the data directory"
_NAMES = ("artifacts", "data-store", "bundles", "logs")


@dataclass(frozen=True, slots=True)
class Objects:
    """The stores of a server.

    Attributes:
        artifacts: Files of executions.
        data_store: Files of the data store.
        bundles: Folders of pipelines; None in the data directory, which has another form of them.
        logs: Logs of what has ended; likewise.
    """

    artifacts: ObjectStore
    data_store: ObjectStore
    bundles: ObjectStore | None = None
    logs: ObjectStore | None = None

    @property
    def by_name(self) -> dict[str, ObjectStore]:
        """The stores, by the names of their folders."""
        stores = zip(
            _NAMES, (self.artifacts, self.data_store, self.bundles, self.logs), strict=True
        )
        return {name: store for name, store in stores if store is not None}


async def open_objects(
    place: BucketPlace | None, directory: DataDirectory, database: Database, stack: AsyncExitStack
) -> Objects:
    """Open the place that the settings name; ``stack`` closes it.

    Raises:
        Conflict: The files of this server are in another place, or the bucket is another server's.
        InvalidRequest: What speaks to buckets is not installed.
        Unavailable: The place cannot be used.
    """
    kept = await database.read(rows.read_setting, rows.OBJECTS_PLACE)
    here = await open_here(directory, stack)
    if place is None:
        _check_same(kept or HERE, HERE)
        return here
    objects = await open_bucket(place, directory, database, stack)
    if kept is None:
        kept = HERE if await has_any(here) else str(place)
    _check_same(kept, str(place))
    await database.write(keep_place, str(place))
    return objects


async def open_here(directory: DataDirectory, stack: AsyncExitStack) -> Objects:
    """Open the stores in the data directory."""
    stores = [FilesystemStore(root) for root in (directory.artifacts, directory.data_store)]
    for store in stores:
        stack.push_async_callback(store.close)
        await store.sweep()
    return Objects(*stores)


async def open_bucket(
    place: BucketPlace, directory: DataDirectory, database: Database, stack: AsyncExitStack
) -> Objects:
    """Open the stores in a bucket, which is tried and marked as this environment's."""
    environment_id = await database.write(rows.environment_id)
    is_kept_there = await database.read(rows.read_setting, rows.OBJECTS_PLACE) == str(place)
    room = _bucket_room()
    return Objects(
        *await room.open_stores(
            place, _NAMES, environment_id, directory.uploads, stack, is_kept_there=is_kept_there
        )
    )


async def try_bucket(place: BucketPlace) -> None:
    """Raise Unavailable, which says why, if a bucket cannot be used; leave nothing in it."""
    await _bucket_room().try_bucket(place)


async def has_any(objects: Objects) -> bool:
    """Say whether a place holds any object."""
    return any([(await store.list(limit=1)).items for store in objects.by_name.values()])


def place_of_files(place: BucketPlace | None) -> str:
    """Return a place as it is recorded: without its endpoint, which may change while files stay."""
    return HERE if place is None else str(place)


async def read_kept(database: Database) -> str:
    """Return where the files are kept, as :func:`place_of_files` says it."""
    return await database.read(rows.read_setting, rows.OBJECTS_PLACE) or HERE


def keep_place(connection: Connection, place: str) -> None:
    """Record the place where the files are from now on."""
    rows.write_setting(connection, rows.OBJECTS_PLACE, place)


def _bucket_room() -> ModuleType:
    return optional_room("headrace.objects.bucket.opening", "Files in a bucket", "s3")


def _check_same(kept: str, asked: str) -> None:
    if kept != asked:
        raise Conflict(
            f"The files of this server are in {kept}, and the settings name {asked}, where they "
            "would be missing: name the same place again, or move them first with "
            "'headrace move-files'."
        )
