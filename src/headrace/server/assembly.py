"""Put a server together from its settings, start it and stop it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sqlalchemy import Connection
from starlette.applications import Starlette

from headrace.bundles.reading import folder_limits
from headrace.bundles.store import BundleStore
from headrace.control.clock import now
from headrace.control.deletion import Deletion
from headrace.control.deployments import Deployments
from headrace.control.executions import Executions
from headrace.control.pipelines import Pipelines
from headrace.control.process_tokens import ProcessTokens
from headrace.control.projects import Projects
from headrace.control.schedules import Schedules
from headrace.control.sealing import load_keys
from headrace.control.submission import Submission
from headrace.control.tokens import Tokens
from headrace.control.variables import Variables
from headrace.core.calls import Limits
from headrace.core.credentials import Addresses
from headrace.core.names import new_id
from headrace.endpoints.express import Express
from headrace.engines.local.checking import check_function
from headrace.environments.uv import UvBuilder
from headrace.keeping.builds import Builds
from headrace.keeping.clock_watch import ClockWatch
from headrace.keeping.collector import Collector
from headrace.keeping.file_collection import FileCollection
from headrace.keeping.removal import Removal
from headrace.keeping.scheduler import Scheduler
from headrace.keeping.sweeper import Sweeper
from headrace.logs.files import LogFiles
from headrace.objects.filesystem import FilesystemStore
from headrace.pods.dispatcher import Dispatcher
from headrace.pods.sets import PodSets
from headrace.running.runner import Runner
from headrace.running.worker import Worker
from headrace.server.application import application
from headrace.server.claim import Claim
from headrace.server.data_directory import DataDirectory
from headrace.server.engines import local_engine, local_pod_engine
from headrace.server.health import health_checks
from headrace.server.settings import Settings
from headrace.serving.calls import Calls
from headrace.signals.local import LocalSignals
from headrace.store import settings as setting_rows
from headrace.store.book.recovery import open_book
from headrace.store.sqlite.database import SqliteDatabase
from headrace.web.exchange import Services
from headrace.web.form_terms import text_limit


@dataclass(frozen=True, slots=True)
class Urls:
    """Where the server is.

    Attributes:
        public: Root URL for callers.
        inside: Root URL for code that runs on this machine.
    """

    public: str
    inside: str


class Server:
    """A server in this process, between ``async with`` and its end.

    Attributes:
        app: The application to serve.
        express: The short way around it.
        tokens: For the token of the first start.
        describe_unwritten: Says what is in memory alone, or on its way to the database.
    """

    app: Starlette
    express: Express
    tokens: Tokens
    describe_unwritten: Callable[[], str]

    def __init__(
        self, settings: Settings, directory: DataDirectory, urls: Urls, claim: Claim
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._urls = urls
        self._claim = claim
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        """Open the stores, take up what an earlier server left, and begin to work."""
        try:
            await self._assemble()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop taking work, end what runs, close the stores."""
        await self._stack.aclose()

    async def _assemble(self) -> None:
        settings, directory = self._settings, self._directory
        keys = load_keys(directory.keys)
        database = SqliteDatabase(directory.database)
        self._stack.callback(database.close)
        book = await open_book(directory.journal, database)
        signals = LocalSignals()
        logs = LogFiles(directory.logs)
        bundles = BundleStore(directory.bundles, folder_limits(settings.max_folder_bytes))
        bundles.sweep()
        artifacts = await self._objects(directory.artifacts)
        data_store = await self._objects(directory.data_store)
        builder = UvBuilder(
            directory.environments, pythons=settings.pythons, builds_at_once=settings.max_builds
        )
        self._stack.push_async_callback(builder.close)
        processes = ProcessTokens(
            Addresses(self._urls.inside, self._urls.inside), settings.executions_may
        )
        engine = local_engine(settings, directory, processes.issue)
        self._stack.push_async_callback(engine.close)

        self.tokens = Tokens(database, keys, processes)
        variables = Variables(database, keys)
        submission = Submission(database, signals, artifacts, settings.max_input_bytes)
        executions = Executions(database, signals, artifacts, logs, submission)
        schedules = Schedules(database, signals)
        deployments = Deployments(database, keys, executions, submission, schedules)
        pipelines = Pipelines(database, signals, bundles, builder, logs, executions, check_function)
        runner = Runner(
            engine=engine,
            builder=builder,
            bundles=bundles,
            executions=executions,
            pipelines=pipelines,
            variables=variables,
            tokens=self.tokens,
            artifacts=artifacts,
            data_store=data_store,
            logs=logs,
            workspaces=directory.workspaces,
            addresses=processes.addresses,
            limits=Limits(
                timeout_s=settings.execution_timeout_s,
                memory_bytes=settings.execution_memory,
                grace_s=settings.execution_grace_s,
                output_bytes=settings.max_output_bytes,
            ),
        )
        worker = Worker(settings.max_executions, database, signals, runner)
        executions.admission = submission.admission = schedules.admission = worker
        pod_engine = local_pod_engine(settings, directory, processes.issue)
        self._stack.push_async_callback(pod_engine.close)
        sets = PodSets(database, signals, pod_engine, runner, settings.stop_grace_s)
        warm_calls = Calls(
            book,
            signals,
            pod_engine,
            sets,
            worker,
            variables,
            logs,
            str(directory.workspaces),
            settings.max_input_bytes,
        )
        self.describe_unwritten, deployments.pods = warm_calls.describe_unwritten, sets
        removal = Removal(database, signals, executions)
        deployments.deletion = pipelines.deletion = Deletion(
            database, deployments.endpoints, worker, sets, removal
        )
        worker.warm_calls = executions.warm_calls = self.tokens.warm_calls = warm_calls
        dispatcher = Dispatcher(database, signals, worker, sets, pod_engine)
        builds = Builds(
            pipelines,
            variables,
            bundles,
            builder,
            engine,
            logs,
            signals,
            at_once=settings.max_builds,
        )
        clock = await ClockWatch.begun(database)
        sweeper = Sweeper(
            pipelines,
            builder,
            bundles,
            data_store,
            clock,
            unused_for_s=settings.unused_environment_s,
        )
        collector = Collector(
            database,
            executions,
            FileCollection(
                database, executions, logs, artifacts, limit_bytes=settings.keep_files_bytes
            ),
            settings.retention,
            clock,
        )
        self.app = application(
            Services(
                reader=database,
                tokens=self.tokens,
                projects=Projects(database),
                variables=variables,
                pipelines=pipelines,
                executions=executions,
                deployments=deployments,
                pods=sets,
                warm_calls=warm_calls,
                clock=clock,
                health=health_checks(database, warm_calls),
                artifacts=artifacts,
                data_store=data_store,
                bundles=bundles,
                logs=logs,
                environment_id=await database.write(_environment_id),
                started_at=now(),
                public_url=self._urls.public,
                uploads=directory.uploads,
                max_folder_bytes=settings.max_folder_bytes,
                max_upload_bytes=settings.max_upload_bytes,
                max_text_bytes=text_limit(settings.max_input_bytes),
                link_key=keys.derive("signed links"),
            ),
            cors_origins=settings.cors_origins,
        )
        self.express = Express(
            deployments.endpoints, warm_calls, self._urls.public, settings.max_input_bytes
        )
        await worker.begin()
        self._stack.push_async_callback(worker.close, settings.stop_grace_s)
        await self._begin(builds, sweeper, Scheduler(schedules, signals), removal, collector)
        await self._begin_pods(sets, dispatcher, warm_calls)
        # What an earlier server left undone; closing the builder stops it.
        self._compiling = asyncio.create_task(builder.finish_compiling())

    async def _objects(self, root: Path) -> FilesystemStore:
        objects = FilesystemStore(root)
        await objects.sweep()
        self._stack.push_async_callback(objects.close)
        return objects

    async def _begin(self, *loops: Builds | Sweeper | Scheduler | Removal | Collector) -> None:
        for loop in loops:
            await loop.begin()
            self._stack.push_async_callback(loop.close)

    async def _begin_pods(self, sets: PodSets, dispatcher: Dispatcher, warm_calls: Calls) -> None:
        await sets.begin()
        self._stack.push_async_callback(sets.close)
        await dispatcher.begin()
        self._stack.push_async_callback(dispatcher.close)
        self._stack.push_async_callback(warm_calls.close, self._settings.stop_grace_s)


def _environment_id(connection: Connection) -> str:
    known = setting_rows.read_setting(connection, setting_rows.ENVIRONMENT_ID)
    if known is None:
        known = new_id()
        setting_rows.write_setting(connection, setting_rows.ENVIRONMENT_ID, known)
    return str(known)
