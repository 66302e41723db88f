"""The sweeper gives up uploads that nobody goes on with."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from tests.records import database_at

from headrace.bundles.here import LocalBundles
from headrace.bundles.store import BundleStore
from headrace.control.attached_files import AttachedFiles
from headrace.core.errors import NotFound
from headrace.engines.container.images import ContainerImages
from headrace.engines.container.tool import ToolFinder
from headrace.environments.uv import UvBuilder
from headrace.keeping.clock_watch import ClockWatch
from headrace.keeping.sweeper import Sweeper
from headrace.objects.filesystem import FilesystemStore
from headrace.server.data_directory import DataDirectory

DAY_S = 24 * 3600


async def test_an_upload_is_given_up_a_day_after_its_last_part(tmp_path: Path) -> None:
    directory = DataDirectory(tmp_path / "data")
    directory.make()
    database = database_at(directory.database)
    data_store, bundles = FilesystemStore(directory.data_store), BundleStore(directory.bundles)
    builder = UvBuilder(directory.environments)
    sweeper = Sweeper(
        database,
        builder,
        LocalBundles(bundles),
        data_store,
        AttachedFiles(directory.attachments, data_store),
        ContainerImages(ToolFinder("none", tmp_path, 1), "test", tmp_path / "images"),
        ClockWatch(database),
        unused_for_s=3600,
    )
    try:
        stale, fresh = [await data_store.begin_upload(path) for path in ("stale", "fresh")]
        uploads = directory.data_store / "uploads"
        for upload_id, age_s in ((stale, DAY_S + 60), (fresh, DAY_S - 60)):
            then = time.time() - age_s
            os.utime(uploads / upload_id, (then, then))
        await sweeper.sweep()
        assert await data_store.upload_path(fresh) == "fresh"
        with pytest.raises(NotFound):
            await data_store.upload_path(stale)
    finally:
        for place in (builder, data_store):
            await place.close()
        database.close()
