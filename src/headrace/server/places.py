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
from headrace.control.bucket_logs import BucketLogs
from headrace.control.sealing import Keys, load_keys
from headrace.environments.uv import UvBuilder
from headrace.logs.files import LogFiles
from headrace.objects.port import ObjectStore
from headrace.server.data_directory import DataDirectory
from headrace.server.fronts.seats import Fronts
from headrace.server.key_checks import keys_of
from headrace.server.object_places import Objects, open_objects
from headrace.server.records import HeldRecords
from headrace.server.settings import Settings
from headrace.store.book.behind import DatabaseBehind, all_of
from headrace.store.book.port import Book
from headrace.store.database import Database
from headrace.store.settings import KEY_CHECK, read_setting, write_setting


@dataclass(frozen=True, slots=True)
class InBucket:
    """What a bucket has of the folders of pipelines and of logs."""

    bundles: BucketBundles
    logs: BucketLogs


@dataclass(frozen=True, slots=True)
class Places:
    """What lasts: rows, calls on their way to them, files, code and environments.

    Attributes:
        fronts: The other processes that take connections, which have not begun.
        stored: The database as it is.
        database: The database with all calls that were answered, whichever process did that.
        in_bucket: What is in a bucket with copies here, if there is one.
    """

    keys: Keys
    fronts: Fronts
    stored: Database
    database: DatabaseBehind
    book: Book
    logs: LogFiles
    bundles: Bundles
    builder: UvBuilder
    attached: AttachedFiles
    artifacts: ObjectStore
    data_store: ObjectStore
    in_bucket: InBucket | None


async def open_places(
    settings: Settings,
    directory: DataDirectory,
    records: HeldRecords,
    stack: AsyncExitStack,
) -> Places:
    """Open them, having taken up what an earlier server left; ``stack`` closes them.

    Raises:
        Unavailable: One of them cannot be used, or the key is not that of the records.
    """
    stored = records.open()
    stack.callback(stored.close)
    keys = await _keys_of(stored, directory)
    book = await records.book(stored)
    fronts = Fronts(settings.processes)
    database = DatabaseBehind(stored, all_of(book.move_all, fronts.move_all))
    folders = BundleStore(directory.bundles, folder_limits(settings.max_folder_bytes))
    folders.sweep()
    objects = await open_objects(settings.objects, directory, database, stack)
    in_bucket = _in_bucket(objects, folders, directory)
    builder = UvBuilder(
        directory.environments, pythons=settings.pythons, builds_at_once=settings.max_builds
    )
    stack.push_async_callback(builder.close)
    attached = AttachedFiles(directory.attachments, objects.data_store)
    attached.sweep()
    return Places(
        keys,
        fronts,
        stored,
        database,
        book,
        LogFiles(directory.logs) if in_bucket is None else in_bucket.logs,
        LocalBundles(folders) if in_bucket is None else in_bucket.bundles,
        builder,
        attached,
        objects.artifacts,
        objects.data_store,
        in_bucket,
    )


async def _keys_of(database: Database, directory: DataDirectory) -> Keys:
    """Return the keys of the records, which get a sealed word if they are new.

    Raises:
        Unavailable: As by :func:`.key_checks.keys_of`.
    """
    keys = keys_of(await database.read(read_setting, KEY_CHECK), directory)
    if keys is None:
        keys = load_keys(directory.keys)
        await database.write(write_setting, KEY_CHECK, keys.seal(KEY_CHECK).decode())
    return keys


def _in_bucket(objects: Objects, folders: BundleStore, directory: DataDirectory) -> InBucket | None:
    if objects.bundles is None or objects.logs is None:
        return None
    logs = BucketLogs(directory.logs, directory.log_copies, objects.logs)
    logs.sweep()
    return InBucket(BucketBundles(folders, objects.bundles, directory.uploads), logs)
