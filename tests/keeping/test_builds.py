"""Building goes on whatever happens, and each pipeline gets its end."""

from __future__ import annotations

import asyncio
import io
import tarfile
from contextlib import asynccontextmanager

import pytest
from tests.running.parts import parts

from headrace.bundles.here import LocalBundles
from headrace.bundles.store import BundleStore
from headrace.control.attached_files import AttachedFiles
from headrace.control.intake import Intake
from headrace.control.sealing import load_keys
from headrace.control.variables import Variables
from headrace.control.versions import Versions
from headrace.core.clock import now
from headrace.core.errors import Unavailable
from headrace.core.names import new_id
from headrace.core.pipelines import (
    ContainerConfig,
    Origin,
    Pipeline,
    PipelineStatus,
    PipelineVersion,
)
from headrace.core.scopes import SERVER
from headrace.engines.container.images import ContainerImages
from headrace.engines.container.tool import ToolFinder
from headrace.engines.local.engine import LocalEngine, LocalEngineSettings
from headrace.engines.local.install import install_harness
from headrace.environments.uv import UvBuilder
from headrace.keeping.builds import Builds
from headrace.logs.files import LogFiles
from headrace.running.code import CodeFinder
from headrace.signals.port import BUILDS
from headrace.store import pipelines as rows

FINE = "def fn(): pass"


class Failing(Versions):
    """Raises what it is told, once each, instead of doing its part."""

    on_pending: list[Exception]
    on_end: list[Exception]

    async def pending(self):
        if self.on_pending:
            raise self.on_pending.pop()
        return await super().pending()

    async def end_build(self, pipeline, *, environment, failure):
        if self.on_end:
            raise self.on_end.pop()
        return await super().end_build(pipeline, environment=environment, failure=failure)


class Breaking(UvBuilder):
    """Has a defect: raises what nobody expects, once each."""

    defects: list[Exception]

    async def ready(self, spec, **more):
        if self.defects:
            raise self.defects.pop()
        return await super().ready(spec, **more)


class Site:
    """The loop of builds on a data directory, and what it is made of."""

    def __init__(self, server, versions, builder, builds):
        self.server = server
        self.pipelines = server.pipelines
        self.versions = versions
        self.builder = builder
        self.builds = builds

    async def add(self, name, source=FINE):
        """Record a pipeline that is to be built."""
        archive = self.server.directory.root / f"{name}.tgz"
        with tarfile.open(archive, "w:gz") as tar:
            member = tarfile.TarInfo("main.py")
            member.size = len(source)
            tar.addfile(member, io.BytesIO(source.encode()))
        store = BundleStore(self.server.directory.bundles)
        bundle = await asyncio.to_thread(store.keep, archive)
        work = await self.server.pipeline()
        pipeline = Pipeline(
            id=new_id(),
            name=name,
            created_at=now(),
            created_by="user",
            version=PipelineVersion(
                id=new_id(),
                number=1,
                function_path="main.py",
                function_name="fn",
                inputs=(),
                outputs=(),
                config=ContainerConfig(language=work.version.config.language),
                origin=Origin.LOCAL,
                status=PipelineStatus.PENDING,
                created_at=now(),
                created_by="user",
                bundle=bundle.digest,
            ),
        )
        await self.server.database.write(rows.add_pipeline, pipeline)
        self.server.signals.notify(BUILDS)
        return pipeline

    async def built(self, name):
        """Wait until a pipeline has been built, and return it."""
        async with asyncio.timeout(60):
            while (
                pipeline := await self.pipelines.get(SERVER, name)
            ).status is PipelineStatus.PENDING:
                self.server.signals.notify(BUILDS)
                await asyncio.sleep(0.02)
        return pipeline

    def log(self, pipeline):
        return self.server.logs.of_build(pipeline.id)


@pytest.fixture
async def site(root):
    async with site_on(root) as made:
        yield made


@asynccontextmanager
async def site_on(root, **settings):
    async with parts(root) as server:
        directory, signals = server.directory, server.signals
        bundles, logs = LocalBundles(BundleStore(directory.bundles)), LogFiles(directory.logs)
        builder = Breaking(directory.environments)
        builder.defects = []
        versions = Failing(*server.parts_of_versions)
        versions.on_pending, versions.on_end = [], []
        codes = CodeFinder(
            server.database,
            bundles,
            builder,
            AttachedFiles(directory.attachments, server.data_store),
            ContainerImages(ToolFinder("none", root, 1), "test", root / "images"),
        )
        settings_of_engine = LocalEngineSettings(
            runtime_dir=root / "run" / "builds",
            harness_dir=install_harness(directory.harness),
            engine_id=f"builds-{new_id()}",
        )
        engine = LocalEngine(settings_of_engine, codes)
        variables = Variables(server.database, load_keys(directory.keys))
        builds = Builds(
            versions, variables, bundles, codes, engine, logs, signals, Intake(), **settings
        )
        try:
            yield Site(server, versions, builder, builds)
        finally:
            await builds.close()
            await engine.close()
            await builder.close()


async def test_an_unexpected_error_ends_one_build_and_not_building(site):
    site.builder.defects = [ZeroDivisionError("a defect")]
    first = await site.add("first")
    await site.builds.begin()
    failed = await site.built("first")
    assert failed.status is PipelineStatus.FAILED
    assert failed.version.failure == (
        "The server failed while it built this pipeline: see the server's log."
    )
    assert failed.version.failure in site.log(first).read_text()
    await site.add("second")
    assert (await site.built("second")).status is PipelineStatus.READY


@pytest.mark.parametrize("error", [ValueError("a defect"), Unavailable("Not now.")], ids=repr)
async def test_building_goes_on_when_pending_pipelines_cannot_be_read(site, error):
    site.versions.on_pending = [error]
    await site.add("first")
    await site.builds.begin()
    assert (await site.built("first")).status is PipelineStatus.READY


@pytest.mark.parametrize("defects", [[], [ZeroDivisionError("a defect")]], ids=["ready", "failed"])
async def test_an_end_that_cannot_be_recorded_is_found_again(site, defects):
    site.builder.defects = defects
    site.versions.on_end = [Unavailable("Not now.") for _ in range(2)]
    await site.add("first")
    await site.builds.begin()
    assert (await site.built("first")).status is PipelineStatus.READY


async def test_a_log_that_cannot_be_written_is_no_reason_to_fail(site):
    site.server.directory.logs.mkdir(exist_ok=True)
    (site.server.directory.logs / "builds").write_text("no folder")
    await site.add("first")
    await site.builds.begin()
    assert (await site.built("first")).status is PipelineStatus.READY


async def test_an_import_that_takes_long_goes_on_while_the_pipeline_is_ready(root, tmp_path):
    marks, go = tmp_path / "imports", tmp_path / "go"
    marks.mkdir()
    source = (
        "import os, tempfile, time\n"
        f"tempfile.mkstemp(dir={str(marks)!r})\n"
        f"while not os.path.exists({str(go)!r}): time.sleep(0.01)\n" + FINE
    )
    async with site_on(root, import_wait_s=0.1) as site:
        pipeline = await site.add("slow", source)
        await site.builds.begin()
        assert (await site.built("slow")).status is PipelineStatus.READY
        assert "Warning: main.py is still being imported after 0.1 s." in (
            site.log(pipeline).read_text()
        )
        go.touch()
        async with asyncio.timeout(60):
            while site.builds.is_importing:
                await asyncio.sleep(0.02)
        assert len(list(marks.iterdir())) == 1


async def test_what_an_import_prints_of_a_secret_of_the_requirements_is_hidden(site, root):
    source = "raise ValueError('no model at p%40ss-word')\n" + FINE
    pipeline = await site.add("telling", source)
    await site.builds.begin()
    assert (await site.built("telling")).status is PipelineStatus.READY
    text = site.log(pipeline).read_text()
    assert "Warning: main.py cannot be imported: ValueError: no model at p%40ss-word." in text
    assert "Traceback (most recent call last):" in text


async def test_a_server_that_stops_while_code_is_imported_builds_again_at_the_next_start(
    root, tmp_path
):
    begun = tmp_path / "begun"
    source = f"import time\nopen({str(begun)!r}, 'w').close()\ntime.sleep(3600)\n" + FINE
    async with site_on(root) as site:
        await site.add("slow", source)
        await site.builds.begin()
        async with asyncio.timeout(60):
            while not begun.exists():
                await asyncio.sleep(0.02)
        await site.builds.close()
        assert (await site.pipelines.get(SERVER, "slow")).status is PipelineStatus.PENDING
