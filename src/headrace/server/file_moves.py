"""Moving the files of a server that does not run from one place to another."""

from __future__ import annotations

from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from datetime import timedelta

from headrace.core.clock import now
from headrace.core.errors import InvalidRequest, Unavailable
from headrace.core.objects import ObjectInfo
from headrace.objects.bucket.place import BucketPlace
from headrace.objects.port import ObjectStore
from headrace.objects.walking import every_object
from headrace.server.data_directory import DataDirectory
from headrace.server.kept_moves import KeptMoved, KeptMoves
from headrace.server.object_places import (
    HERE,
    Objects,
    keep_place,
    open_bucket,
    open_here,
    place_of_files,
    read_kept,
)
from headrace.server.records import HeldRecords
from headrace.store.database import Database
from headrace.store.versions import digests_in_use

_FILES = ("artifacts", "data-store")

CLOCKS_APART = timedelta(minutes=15)
"""By how much the clocks of two places may differ: buckets refuse requests beyond that.

A copy is known to be newer than its source, which a server may have replaced since, only by more.
"""


@dataclass(slots=True)
class Moved:
    """The result of a move of files.

    Attributes:
        source: Where the files were, and still are.
        target: Where they are kept from now on.
        files: How many there are.
        size: Bytes of all of them.
        copied: How many were copied this time; an attempt that was cut short left the others.
        kept: The folders of pipelines and the logs.
    """

    source: str
    target: str
    files: int = 0
    size: int = 0
    copied: int = 0
    kept: KeptMoved = KeptMoved(0, 0, 0)


async def move_files(
    directory: DataDirectory,
    records: HeldRecords,
    settings_place: BucketPlace | None,
    target: BucketPlace | None,
) -> Moved:
    """Copy all files to another place, compare both, and put on record that they are kept there.

    It can be cut short at any moment and begun again: until the end the files are kept where they
    were, and what is there is left as it is.

    Args:
        directory: The data directory; no server runs on it.
        records: Those of its server, prepared.
        settings_place: What the settings name, for the address of a bucket that is left.
        target: Where to; None for the data directory.

    Raises:
        InvalidRequest: The files are there already.
        HeadraceError: A place cannot be used.
    """
    async with AsyncExitStack() as stack:
        database = records.open()
        stack.callback(database.close)
        kept = await read_kept(database)
        to = place_of_files(target)
        here = await open_here(directory, stack)
        if kept == to:
            raise InvalidRequest(f"The files of this server are in {to} already.")
        source = (
            here if kept == HERE else await _left(kept, settings_place, directory, database, stack)
        )
        goal = here if target is None else await open_bucket(target, directory, database, stack)
        moved = Moved(kept, to)
        for name, store in source.by_name.items():
            if name in goal.by_name:
                counted = moved if name in _FILES else Moved(kept, to)
                await copy_objects(store, goal.by_name[name], counted)
        needed, _ = await database.read(digests_in_use, now())
        moved.kept = await KeptMoves(directory, source, goal).move(needed)
        await database.write(keep_place, to)
        return moved


async def _left(
    kept: str,
    named: BucketPlace | None,
    directory: DataDirectory,
    database: Database,
    stack: AsyncExitStack,
) -> Objects:
    if named is None or place_of_files(named) != kept:
        raise InvalidRequest(
            f"The files of this server are in {kept}: name that place as HEADRACE_OBJECTS, so that "
            "they can be read."
        )
    return await open_bucket(named, directory, database, stack)


async def copy_objects(source: ObjectStore, target: ObjectStore, moved: Moved) -> None:
    """Make a store hold what another one holds, and count that; what it has already stays."""
    there = {info.path: info async for info in every_object(target)}
    async for info in every_object(source):
        if not _is_copy(there.pop(info.path, None), info):
            async with aclosing(await source.open(info.path)) as reader:
                copy = await target.put(info.path, reader.__aiter__())
            if copy.size != info.size:
                raise Unavailable(f"{info.path!r} did not arrive whole: move the files again.")
            moved.copied += 1
        moved.files += 1
        moved.size += info.size
    for path in there:
        # An earlier attempt copied it, and it was deleted since.
        await target.delete(path)


def _is_copy(copy: ObjectInfo | None, info: ObjectInfo) -> bool:
    """Say whether an earlier attempt copied an object as it is now, by clocks that may differ."""
    if copy is None or copy.size != info.size:
        return False
    return copy.last_modified - info.last_modified > CLOCKS_APART
