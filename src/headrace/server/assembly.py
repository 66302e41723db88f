"""Put a server together from its settings, start it and stop it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cache
from types import TracebackType
from typing import Self

from starlette.applications import Starlette

from headrace.bundles.repositories import GitRepositories
from headrace.control.activities import Activities
from headrace.control.intake import Intake
from headrace.control.lookups import Lookups
from headrace.control.nodes import Nodes
from headrace.control.passwords import Passwords
from headrace.control.pipeline_templates import PipelineTemplates
from headrace.control.process_tokens import ProcessTokens
from headrace.control.projects import Projects
from headrace.control.repositories import Repositories
from headrace.control.resources import Resources
from headrace.control.sessions import Sessions
from headrace.control.sign_in import SignIn
from headrace.control.tokens import Tokens
from headrace.control.users import Users
from headrace.control.variables import Variables
from headrace.core.clock import now
from headrace.core.credentials import Addresses
from headrace.core.proxies import Proxies
from headrace.endpoints.express import Express
from headrace.engines.ray.settings import LOCAL
from headrace.keeping.clock_watch import ClockWatch
from headrace.keeping.machine import Machine
from headrace.keeping.usage import UsageRecorder
from headrace.pipeline_templates.catalogue import read_templates
from headrace.server.application import application
from headrace.server.claim import Claim
from headrace.server.data_directory import DataDirectory
from headrace.server.executing import Executing, make_executing
from headrace.server.fronts.handing import Adopt
from headrace.server.fronts.household import Household
from headrace.server.fronts.keeper import FrontKeeper
from headrace.server.health import health_checks
from headrace.server.loops import Keeper, make_loops
from headrace.server.places import Places, open_places
from headrace.server.records import HeldRecords
from headrace.server.settings import Settings
from headrace.server.verbs import Verbs, make_verbs
from headrace.signals.local import LocalSignals
from headrace.store import settings as setting_rows
from headrace.web.ending import Ending
from headrace.web.exchange import Services
from headrace.web.form_terms import text_limit
from headrace.web.health_checks import HealthChecks


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
        ending: To be begun when the server is asked to stop.
        describe_unwritten: Says what is in memory alone, or on its way to the database.
    """

    app: Starlette
    express: Express
    tokens: Tokens
    describe_unwritten: Callable[[], str]

    def __init__(
        self,
        settings: Settings,
        directory: DataDirectory,
        records: HeldRecords,
        urls: Urls,
        claim: Claim,
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._records = records
        self._urls = urls
        self._claim = claim
        self.ending = Ending()
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
        settings, urls = self._settings, self._urls
        places = await open_places(settings, self._directory, self._records, self._stack)
        signals = LocalSignals()
        variables = Variables(places.database, places.keys, places.fronts.changed)
        intake = Intake()
        # Code on other machines reaches the server as callers do.
        for_code = urls.inside if settings.engine == LOCAL else urls.public
        processes = ProcessTokens(Addresses(for_code, for_code), settings.executions_may)
        executing = make_executing(
            settings, self._directory, places, signals, variables, processes, intake, self._stack
        )
        if executing.cluster is not None:
            await executing.cluster.open()
        verbs = make_verbs(
            places, signals, variables, processes, executing, intake, settings.max_input_bytes
        )
        await verbs.standby.begin()
        clock = await ClockWatch.begun(places.database)
        loops = make_loops(settings, places, signals, variables, executing, verbs, intake, clock)
        machine = Machine(places.database, socket.gethostname(), self._directory.root)
        usage = UsageRecorder(places.database, executing.meter, socket.gethostname())
        resources = Resources(places.database, machine.totals, usage.flush)
        root, standby = self._directory.root, verbs.standby
        health = health_checks(root, places, executing, loops, clock, standby)
        services = await self._services(
            places, variables, executing, verbs, clock, resources, health
        )
        self.tokens = verbs.tokens
        self.describe_unwritten = executing.warm_calls.describe_unwritten
        self.app = application(services, settings.cors_origins, self._urls.public)
        self.express = Express(
            verbs.endpoints, executing.warm_calls, urls.public, settings.max_input_bytes
        )
        await self._begin(executing, usage, [loops.builds, loops.scheduler, *loops.others, machine])
        self._fronts = places.fronts
        self._household = Household(
            *(settings, self._directory, places.stored, signals, intake, processes),
            *(executing.codes, executing.plans, executing.worker),
            *(verbs.deployments.endpoint_at, urls.public),
        )
        # What an earlier server left undone; closing the builder stops it.
        self._compiling = asyncio.create_task(places.builder.finish_compiling())

    async def begin_fronts(self, listening: Sequence[socket.socket], adopt: Adopt) -> FrontKeeper:
        """Start the other processes that take connections; return when they do.

        Args:
            listening: A socket for each, bound to the port of the server.
            adopt: Serves a connection that one of them has handed over.
        """
        keeper = FrontKeeper(self._fronts, self._household, listening, adopt)
        self._stack.push_async_callback(keeper.close)
        await keeper.begin()
        return keeper

    async def _services(
        self,
        places: Places,
        variables: Variables,
        executing: Executing,
        verbs: Verbs,
        clock: ClockWatch,
        resources: Resources,
        health: HealthChecks,
    ) -> Services:
        settings, database = self._settings, places.database
        projects = Projects(database, places.keys)
        passwords, sessions = Passwords(), Sessions(database, places.keys)
        return Services(
            lookups=Lookups(database),
            activities=Activities(database),
            tokens=verbs.tokens,
            sessions=sessions,
            sign_in=SignIn(database, places.keys, passwords, sessions),
            users=Users(database, passwords, verbs.tokens.forget),
            projects=projects,
            repositories=Repositories(self._git(), projects),
            variables=variables,
            pipelines=verbs.pipelines,
            pipeline_templates=PipelineTemplates(
                cache(read_templates), verbs.pipelines, projects, self._directory.uploads
            ),
            steps=verbs.steps,
            versions=verbs.versions,
            standby=verbs.standby,
            executions=verbs.executions,
            reruns=verbs.reruns,
            deployments=verbs.deployments,
            metrics=verbs.metrics,
            resources=resources,
            nodes=Nodes(executing.nodes),
            pods=executing.sets,
            warm_calls=executing.warm_calls,
            clock=clock,
            health=health,
            artifacts=places.artifacts,
            data_store=places.data_store,
            bundles=places.bundles,
            logs=places.logs,
            environment_id=await database.write(setting_rows.environment_id),
            started_at=now(),
            ending=self.ending,
            public_url=self._urls.public,
            uploads=self._directory.uploads,
            progress=self._directory.progress,
            max_folder_bytes=settings.max_folder_bytes,
            max_contract_folder_bytes=settings.max_contract_folder_bytes,
            max_upload_bytes=settings.max_upload_bytes,
            max_text_bytes=text_limit(settings.max_input_bytes),
            link_key=places.keys.derive("signed links"),
            proxies=Proxies(settings.trusted_proxies),
            vector_database=settings.vector_database,
        )

    def _git(self) -> GitRepositories:
        settings, directory = self._settings, self._directory
        return GitRepositories(
            directory.uploads,
            directory.known_hosts,
            settings.git_host_keys,
            settings.git_timeout_s,
        )

    async def _begin(self, executing: Executing, usage: UsageRecorder, loops: list[Keeper]) -> None:
        """Begin to work. What began last is closed first."""
        grace_s = self._settings.stop_grace_s
        await usage.begin()
        self._stack.push_async_callback(usage.close)
        await executing.worker.begin()
        self._stack.push_async_callback(executing.worker.close, grace_s)
        for keeper in (*loops, executing.sets, executing.dispatcher):
            await keeper.begin()
            self._stack.push_async_callback(keeper.close)
        self._stack.push_async_callback(executing.warm_calls.close, grace_s)
