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
from headrace.core.errors import Unavailable
from headrace.environments.uv import UvBuilder
from headrace.logs.files import LogFiles
from headrace.objects.port import ObjectStore
from headrace.server.data_directory import DataDirectory
from headrace.server.object_places import Objects, open_objects
from headrace.server.records import HeldRecords
from headrace.server.settings import Settings
from headrace.store.book.behind import DatabaseBehind
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
        in_bucket: What is in a bucket with copies here, if there is one.
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
    in_bucket: InBucket | None


async def open_places(
    settings: Settings, directory: DataDirectory, records: HeldRecords, stack: AsyncExitStack
) -> Places:
    """Open them, having taken up what an earlier server left; ``stack`` closes them.

    Raises:
        Unavailable: One of them cannot be used, or the key is not that of the records.
    """
    stored = records.open()
    stack.callback(stored.close)
    keys = await _keys_of(stored, directory)
    book = await records.book(stored)
    database = DatabaseBehind(stored, book.move_all)
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
    """Return the keys that the secrets of the records are sealed with, of which one is tried.

    Raises:
        Unavailable: The key of the directory is another one, or is missing.
    """
    sealed = await database.read(read_setting, KEY_CHECK)
    if sealed is None:
        keys = load_keys(directory.keys)
        await database.write(write_setting, KEY_CHECK, keys.seal(KEY_CHECK).decode())
        return keys
    advice = (
        "put back the file that belongs to this server's records, or name it with "
        "HEADRACE_MASTER_KEY_FILE."
    )
    if not directory.keys.exists():
        raise Unavailable(f"The master key {directory.keys} is missing: {advice}")
    keys = load_keys(directory.keys)
    try:
        keys.unseal(sealed.encode())
    except Unavailable:
        raise Unavailable(
            f"The master key {directory.keys} is not the one of this server's records: {advice}"
        ) from None
    return keys


def _in_bucket(objects: Objects, folders: BundleStore, directory: DataDirectory) -> InBucket | None:
    if objects.bundles is None or objects.logs is None:
        return None
    logs = BucketLogs(directory.logs, directory.log_copies, objects.logs)
    logs.sweep()
    return InBucket(BucketBundles(folders, objects.bundles, directory.uploads), logs)
