"""A server's parts that run executions, put together as the assembly does, without HTTP."""

from __future__ import annotations

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.records import ON_POSTGRES, database_at

from headrace.bundles.here import LocalBundles
from headrace.bundles.store import BundleStore
from headrace.control.attached_files import AttachedFiles
from headrace.control.attaching import Attaching
from headrace.control.attempts import Attempts
from headrace.control.deletion import Deletion
from headrace.control.endpoint_cache import EndpointCache
from headrace.control.execution_tokens import ExecutionTokens
from headrace.control.executions import Executions
from headrace.control.intake import Intake
from headrace.control.orders import Order
from headrace.control.pipelines import Pipelines
from headrace.control.schedules import Schedules
from headrace.control.sealing import load_keys
from headrace.control.submission import Submission
from headrace.control.variables import Variables
from headrace.control.versions import Versions
from headrace.core.calls import Limits
from headrace.core.clock import now
from headrace.core.credentials import Addresses
from headrace.core.deployments import Deployment, Mode
from headrace.core.environments import EnvironmentSpec
from headrace.core.executions import Execution
from headrace.core.mappings import map_inputs, map_outputs
from headrace.core.names import new_id
from headrace.core.parameters import Input, Output
from headrace.core.pipelines import (
    ContainerConfig,
    Origin,
    Pipeline,
    PipelineStatus,
    PipelineVersion,
)
from headrace.core.scopes import SERVER
from headrace.core.sources import Rule
from headrace.engines.container.images import ContainerImages
from headrace.engines.container.tool import ToolFinder
from headrace.engines.local.checking import check_function
from headrace.engines.local.engine import LocalEngine, LocalEngineSettings
from headrace.engines.local.install import install_harness
from headrace.engines.local.pods import LocalPodEngine, PodSettings
from headrace.environments.uv import UvBuilder
from headrace.keeping.removal import Removal
from headrace.logs.files import LogFiles
from headrace.objects.filesystem import FilesystemStore
from headrace.pods.plans import Plans
from headrace.pods.sets import PodSets
from headrace.running.code import CodeFinder
from headrace.running.runner import Runner
from headrace.running.worker import Worker
from headrace.server.data_directory import DataDirectory
from headrace.signals.local import LocalSignals
from headrace.store import deployments as deployment_rows
from headrace.store import pipelines as pipeline_rows
from headrace.store.database import Database

SOURCE = '''\
"""Code that waits to be told: it writes NAME.PID and goes on once there is NAME.PID.go."""

import os
import pathlib
import time


def work(folder, name):
    mark = pathlib.Path(folder, f"{name}.{os.getpid()}")
    mark.with_name(mark.name + ".draft").touch()
    mark.with_name(mark.name + ".draft").rename(mark)
    go = mark.with_name(mark.name + ".go")
    while not go.exists():
        time.sleep(0.01)
    if go.read_text() == "fail":
        raise ValueError(f"{name} was told to fail")
    pathlib.Path("out.txt").write_text(str(os.getpid()))
    return {"by": os.getpid(), "file": {"path": "out.txt"}}
'''

INPUTS = (Input("folder", "string"), Input("name", "string"))
OUTPUTS = (Output("by", "number"), Output("file", "file"))


@dataclass(frozen=True)
class Parts:
    """The parts of one server."""

    directory: DataDirectory
    database: Database
    signals: LocalSignals
    executions: Executions
    submission: Submission
    deletion: Deletion
    pipelines: Pipelines
    versions: Versions
    parts_of_versions: tuple[Any, ...]
    data_store: FilesystemStore
    artifacts: FilesystemStore
    logs: LogFiles
    worker: Worker
    pods: PodSets

    async def pipeline(self) -> Pipeline:
        return await self.pipelines.get(SERVER, "work")

    async def submit(self, name: str, folder: Path, **fields: Any) -> str:
        """Record an execution; ``fields`` are those of its :class:`Order`."""
        pipeline = await self.pipeline()
        order = Order(
            pipeline,
            map_inputs(Rule.RUN, pipeline.inputs, ()),
            map_outputs(Rule.RUN, pipeline.outputs, fields.pop("outputs", ())),
            {"folder": str(folder), "name": name},
            {},
            "user",
            **fields,
        )
        return await self.submission.submit(order)

    async def deployment(self, name: str = "often", **fields: Any) -> Deployment:
        """Add an endpoint of the pipeline; ``fields`` are those of its :class:`Deployment`."""
        pipeline = await self.pipeline()
        inputs, outputs = map_inputs(Rule.RUN, pipeline.inputs, ()), fields.pop("outputs", ())
        deployment = Deployment(
            id=new_id(),
            name=name,
            pipeline=pipeline,
            rule=Rule.ENDPOINT,
            mode=Mode.ELASTIC,
            description=None,
            sources=tuple((item.parameter.name, item.source) for item in inputs),
            destinations=outputs,
            is_enabled=True,
            created_at=now(),
            created_by="user",
            updated_at=now(),
            updated_by="user",
            url_path=name,
            **fields,
        )
        await self.database.write(deployment_rows.add_deployment, deployment, b"")
        return deployment

    async def ended(self, execution_id: str) -> Execution:
        """Wait for the end of an execution."""
        return await self.executions.wait(SERVER, execution_id, 60)


@asynccontextmanager
async def parts(root: Path, *, name: str = "one", slots: int = 2) -> AsyncIterator[Parts]:
    """The parts of a server on a data directory; others of another ``name`` may share it.

    The worker has not begun.
    """
    directory = DataDirectory(root, holds_records=not ON_POSTGRES)
    directory.make()
    database, signals = database_at(directory.database), LocalSignals()
    artifacts = FilesystemStore(directory.artifacts)
    data_store = FilesystemStore(directory.data_store)
    bundles, logs = LocalBundles(BundleStore(directory.bundles)), LogFiles(directory.logs)
    attached = AttachedFiles(directory.attachments, data_store)
    builder = UvBuilder(directory.environments)
    keys = load_keys(directory.keys)
    intake = Intake()
    images = ContainerImages(ToolFinder("none", root, 1), "test", root / "images")
    codes = CodeFinder(database, bundles, builder, attached, images)
    harness = install_harness(directory.harness)
    engine = LocalEngine(
        LocalEngineSettings(
            runtime_dir=root / "run" / name / "engine",
            harness_dir=harness,
            engine_id=f"{name}-{new_id()}",
        ),
        codes,
    )
    variables, limits = Variables(database, keys), Limits(grace_s=0.2)
    pod_settings = PodSettings(root / "run" / name / "pods", harness, f"{name}-{new_id()}")
    pods = LocalPodEngine(pod_settings, codes)
    plans = Plans(codes, variables, logs, limits)
    sets = PodSets(database, signals, pods, plans, variables, 0, intake)
    runner = Runner(
        engine=engine,
        codes=codes,
        attempts=Attempts(database, signals),
        variables=variables,
        tokens=ExecutionTokens(keys),
        artifacts=artifacts,
        data_store=data_store,
        logs=logs,
        workspaces=root / "run" / name / "workspaces",
        addresses=Addresses("http://127.0.0.1:1", "http://127.0.0.1:1"),
        limits=limits,
    )
    worker = Worker(slots, database, signals, runner, intake)
    submission = Submission(database, signals, artifacts, worker, intake)
    executions = Executions(database, signals, artifacts, logs, submission, worker.stop)
    removal = Removal(database, signals, executions)
    endpoints = EndpointCache()
    deletion = Deletion(database, endpoints, worker, sets, removal)
    schedules = Schedules(database, signals, worker, worker.stop)
    attaching = Attaching(database, attached, bundles)
    parts_of_versions = (database, signals, worker, schedules, endpoints, sets, attaching)
    versions = Versions(*parts_of_versions)
    pipelines = Pipelines(
        database, signals, bundles, builder, logs, deletion, check_function, intake, images
    )
    try:
        yield Parts(
            directory,
            database,
            signals,
            executions,
            submission,
            deletion,
            pipelines,
            versions,
            parts_of_versions,
            data_store,
            artifacts,
            logs,
            worker,
            sets,
        )
    finally:
        await worker.close(0)
        for place in (engine, pods, builder, artifacts, data_store):
            await place.close()
        database.close()


async def make_pipeline(root: Path) -> None:
    """Make the data directory, with the pipeline ``work`` ready in it."""
    async with parts(root) as server:
        archive = root / "work.tgz"
        with tarfile.open(archive, "w:gz") as tar:
            member = tarfile.TarInfo("main.py")
            member.size = len(SOURCE)
            tar.addfile(member, io.BytesIO(SOURCE.encode()))
        bundle = await asyncio.to_thread(BundleStore(server.directory.bundles).keep, archive)
        builder = UvBuilder(server.directory.environments)
        version = min(builder.interpreters(), key=lambda text: abs(int(text[2:]) - 11))
        environment = await builder.ready(
            EnvironmentSpec(version, ""), folder=bundle.folder, say=lambda _: None
        )
        await builder.close()
        pipeline = Pipeline(
            id=new_id(),
            name="work",
            created_at=now(),
            created_by="user",
            version=PipelineVersion(
                id=new_id(),
                number=1,
                function_path="main.py",
                function_name="work",
                inputs=INPUTS,
                outputs=OUTPUTS,
                config=ContainerConfig(f"python:{version}-slim"),
                origin=Origin.LOCAL,
                status=PipelineStatus.READY,
                created_at=now(),
                created_by="user",
                bundle=bundle.digest,
                environment=environment.digest,
            ),
        )
        await server.database.write(pipeline_rows.add_pipeline, pipeline)
