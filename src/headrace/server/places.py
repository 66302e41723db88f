"""The places where a server keeps what lasts, opened in its data directory."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass

from headrace.bundles.here import LocalBundles
from headrace.bundles.port import Bundles
from headrace.bundles.reading import folder_limits
from headrace.bundles.store import BundleStore
from headrace.control.attached_files import AttachedFiles
from headrace.control.bucket_bundles import BucketBundles
from headrace.control.sealing import Keys, load_keys
from headrace.environments.uv import UvBuilder
from headrace.logs.files import LogFiles
from headrace.objects.port import ObjectStore
from headrace.server.data_directory import DataDirectory
from headrace.server.object_places import Objects, open_objects
from headrace.server.settings import Settings
from headrace.store.book.behind import DatabaseBehind
from headrace.store.book.port import Book
from headrace.store.book.recovery import open_book
from headrace.store.sqlite.database import SqliteDatabase


@dataclass(frozen=True, slots=True)
class Places:
    """What lasts: rows, calls on their way to them, files, code and environments.

    Attributes:
        bucket_bundles: The bundles, if they are in a bucket; None if in the data directory.
    """

    keys: Keys
    database: DatabaseBehind
    book: Book
    logs: LogFiles
    bundles: Bundles
    builder: UvBuilder
    attached: AttachedFiles
    artifacts: ObjectStore
    data_store: ObjectStore
    bucket_bundles: BucketBundles | None


async def open_places(
    settings: Settings, directory: DataDirectory, stack: AsyncExitStack
) -> Places:
    """Open them, having taken up what an earlier server left; ``stack`` closes them."""
    keys = load_keys(directory.keys)
    stored = SqliteDatabase(directory.database)
    stack.callback(stored.close)
    book = await open_book(directory.journal, stored)
    database = DatabaseBehind(stored, book.move_all)
    folders = BundleStore(directory.bundles, folder_limits(settings.max_folder_bytes))
    folders.sweep()
    objects = await open_objects(settings.objects, directory, database, stack)
    in_bucket = _in_bucket(objects, folders, directory)
    builder = UvBuilder(
        directory.environments, pythons=settings.pythons, builds_at_once=settings.max_builds
    )
    stack.push_async_callback(builder.close)
    logs = LogFiles(directory.logs)
    attached = AttachedFiles(directory.attachments, objects.data_store)
    attached.sweep()
    return Places(
        keys,
        database,
        book,
        logs,
        in_bucket or LocalBundles(folders),
        builder,
        attached,
        objects.artifacts,
        objects.data_store,
        in_bucket,
    )


def _in_bucket(
    objects: Objects, folders: BundleStore, directory: DataDirectory
) -> BucketBundles | None:
    if objects.bundles is None:
        return None
    return BucketBundles(folders, objects.bundles, directory.uploads)
